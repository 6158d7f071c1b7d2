package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// socketName is the socket in a data folder.
const socketName = "admin.sock"

// maxSocketPath is the longest path that every system takes for a socket; the kernel's limit counts bytes.
const maxSocketPath = 100

// Listen makes the socket of a data folder, with mode 0600. A socket that is there already is taken to be left over from
// a process that was killed: the caller must hold the lock of the folder.
func Listen(ctx context.Context, data string) (net.Listener, error) {
	if err := os.Remove(filepath.Join(data, socketName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove the old administration socket: %w", err)
	}
	var l net.Listener
	err := withSocketPath(data, func(path string) (err error) {
		var lc net.ListenConfig
		if l, err = lc.Listen(ctx, "unix", path); err != nil {
			return err
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false) // the path may be one that is good only now
		return os.Chmod(path, 0o600)
	})
	if err != nil {
		if l != nil {
			_ = l.Close()
		}
		return nil, fmt.Errorf("listen on the administration socket: %w", err)
	}
	return &listener{l, filepath.Join(data, socketName)}, nil
}

// listener removes its socket when closed.
type listener struct {
	net.Listener
	path string
}

// Close implements net.Listener.
func (l *listener) Close() error {
	err := l.Listener.Close()
	if removed := os.Remove(l.path); err == nil && !errors.Is(removed, fs.ErrNotExist) {
		err = removed
	}
	return err
}

func dial(ctx context.Context, data string) (conn net.Conn, err error) {
	err = withSocketPath(data, func(path string) (err error) {
		var d net.Dialer
		conn, err = d.DialContext(ctx, "unix", path)
		return err
	})
	return conn, err
}

// withSocketPath calls f with a path of the socket of data that is short enough for the kernel: through the open folder
// if its own is too long.
func withSocketPath(data string, f func(path string) error) error {
	path := filepath.Join(data, socketName)
	if len(path) <= maxSocketPath {
		return f(path)
	}
	folder, err := os.Open(data)
	if err != nil {
		return err
	}
	defer folder.Close()
	return f(fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), socketName))
}
