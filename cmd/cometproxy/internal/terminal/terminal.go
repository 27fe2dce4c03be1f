// Package terminal tells terminals from other files.
package terminal

import "os"

// Is reports that somebody may sit at the other end of the file. On systems
// where that cannot be asked for, it is true of all character devices but the
// null device.
func Is(f *os.File) bool { return isTerminal(f) }
