package proxy

import (
	"go.uber.org/zap"

	"cometproxy/park"
)

// recoverConn is deferred at the recovery boundaries: a panic costs its own client
// the connection and nobody else anything.
func (p *Proxy) recoverConn(conn park.ID) {
	if caught := recover(); caught != nil {
		p.abandon(conn, caught)
	}
}

// abandon closes the connection of whose hold, relay or tunnel a panic was caught.
func (p *Proxy) abandon(conn park.ID, caught any) {
	p.log.Error("a panic was caught; its client's connection is closed",
		zap.Any("panic", caught), zap.StackSkip("stack", 1))
	p.access.released(conn, 0, 0, "panic")
	p.leaveCrowd(conn)
	p.lot.Close(conn)
}
