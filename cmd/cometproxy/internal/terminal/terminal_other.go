//go:build !linux && !darwin && !freebsd

package terminal

import "os"

// isTerminal is also true of devices that are neither terminals nor null.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
