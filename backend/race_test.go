//go:build race

package backend

// The race detector makes everything ten times slower, and sees more.
const chaosRounds = 50
