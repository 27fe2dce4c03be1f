//go:build !unix

package backend

// stale cannot look without waiting here; the one safe retry has to do.
func (c *conn) stale() bool { return false }
