package safedial

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// NewTransport returns a transport made for many small POSTs to many hosts. It
// connects through dial, which is a Dialer's DialContext except in tests, and
// through no proxy, whatever the environment says: behind a proxy the guard
// would only ever see the proxy. It speaks HTTP/1.1, which costs less than
// HTTP/2 where requests are single, and hands bodies over as they came.
//
// The caller may change its fields before the first use. Idle connections were
// dialed under the Policy of their time: after a change, make a new Dialer and
// a new transport and call CloseIdleConnections on the old one.
func NewTransport(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            dial,
		Protocols:              &protocols,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    5 * time.Second,
		MaxIdleConns:           2048,
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		ReadBufferSize:         4 << 10,
		WriteBufferSize:        4 << 10,
	}
}
