//go:build unix

package post

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// An asking sends a request and reads the beginning of its answer in one go, on a
// connection without TLS. Before it waits, a reader has to look once whether there is
// something to read already, and this look comes before the request is sent: so it also
// tells whether the other end was quiet until then, and the answer costs no second one,
// which would mostly find nothing yet.
type asking struct {
	conn    *conn
	request []byte // to be sent before anything is read; nil: none
	sent    error  // what sending the last one came to

	into   []byte
	n      int
	err    error
	looked bool
	step   func(fd uintptr) (done bool) // is try
}

func newAsking(cn *conn) *asking {
	a := &asking{conn: cn}
	a.step = a.try
	return a
}

// read sends the request, waits for the answer and reads what is there of it.
func (a *asking) read(p []byte) (int, error) {
	a.into, a.n, a.err, a.looked, a.sent = p, 0, syscall.EAGAIN, false, nil
	err := a.conn.socket.Read(a.step)
	rest := a.request // what the socket had no room for
	a.request, a.into = nil, nil
	switch {
	case err != nil:
		return 0, a.fault(err)
	case errors.Is(a.err, errStale):
		return 0, a.err
	case len(rest) > 0:
		_, a.sent = a.conn.Write(rest)
	}
	switch {
	case errors.Is(a.err, syscall.EAGAIN):
		return a.conn.Read(p)
	case a.err != nil:
		return 0, a.fault(os.NewSyscallError("read", a.err))
	case a.n == 0:
		return 0, io.EOF
	}
	return a.n, nil
}

// try goes as far as it can without waiting.
func (a *asking) try(fd uintptr) (done bool) {
	a.n, a.err = read(int(fd), a.into)
	if a.looked {
		return !errors.Is(a.err, syscall.EAGAIN)
	}
	a.looked = true
	early := !errors.Is(a.err, syscall.EAGAIN)
	if early && a.conn.rested {
		a.err = errStale
		return true
	}
	n, err := write(int(fd), a.request)
	if err != nil && !errors.Is(err, syscall.EAGAIN) {
		// There may be an answer that says why not all was taken.
		a.sent, a.request = os.NewSyscallError("write", err), nil
		return early
	}
	a.request = a.request[max(n, 0):]
	return early || len(a.request) > 0
}

// fault is an error as the connection's own Read has it.
func (a *asking) fault(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return &net.OpError{Op: "read", Net: "tcp", Source: a.conn.LocalAddr(), Addr: a.conn.RemoteAddr(), Err: err}
}

func read(fd int, p []byte) (n int, err error) {
	for {
		if n, err = syscall.Read(fd, p); !errors.Is(err, syscall.EINTR) {
			return max(n, 0), err
		}
	}
}

func write(fd int, p []byte) (n int, err error) {
	for {
		if n, err = syscall.Write(fd, p); !errors.Is(err, syscall.EINTR) {
			return max(n, 0), err
		}
	}
}
