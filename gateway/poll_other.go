//go:build !linux || !(amd64 || arm64)

package gateway

import (
	"context"
	"errors"
	"net"
)

// poller is for Linux on 64 bits only: elsewhere every connection has a goroutine.
type poller struct{}

type socket struct{}

func newPoller(*Gateway) (*poller, error) { return nil, nil } //nolint:nilnil // there is none

func (*poller) attach(*conn, *net.TCPConn, bool) (transport, error) {
	return nil, errors.ErrUnsupported
}

func (*poller) look() {}

func (*poller) run(context.Context) error { return errors.ErrUnsupported }
