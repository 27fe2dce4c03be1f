//go:build !unix

package main

import "net"

// inheritedListener and inheritedUnused: there is no socket activation here.
func inheritedListener(_, _ string) (net.Listener, error) { return nil, nil }

func inheritedUnused([]net.Addr) []string { return nil }
