//go:build !unix

package test

// fileLimit is how many files this process may open; 0: nobody knows.
func fileLimit() int { return 0 }
