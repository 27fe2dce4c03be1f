//go:build !linux

package park

import "net"

// No connection is raw here.

type poller struct{}

func newPoller() *poller               { return nil }
func (*poller) add(int32, ID) error    { panic(noRaw) }
func (*poller) now() uint32            { return 0 }
func (*poller) close()                 {}
func (*lot) poll()                     { panic(noRaw) }
func (c newcomer) bare() newcomer      { return c }
func (c newcomer) whole() net.Conn     { return c.conn }
func newBacklog(net.Listener) *backlog { return nil }

type backlog struct{}

const backlogSlice = 0

func (*backlog) take() []int { panic(noRaw) }

const noRaw = "park: there are no raw connections here"

func readFD(int, []byte) (int, bool, error) { panic(noRaw) }
func writeFD(int, []byte) (int, error)      { panic(noRaw) }
func unreadFD(int) int                      { panic(noRaw) }
func closeFD(int)                           { panic(noRaw) }
func closeWriteFD(int) error                { panic(noRaw) }
func localFD(int) *net.TCPAddr              { panic(noRaw) }
func peerFD(int) *net.TCPAddr               { panic(noRaw) }
