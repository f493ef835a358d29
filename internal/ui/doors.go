package ui

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// Bounds on attempts to log in.
const (
	knocksAMinute = 20   // from one address, or one network of IPv6
	maxKnockers   = 4096 // addresses that are remembered
)

// doors counts who has tried to log in of late.
type doors struct {
	mu      sync.Mutex // guards everything below
	since   time.Time  // when this minute began
	knocked map[netip.Prefix]int
}

// admit reports whether somebody at an address may try to log in now.
func (d *doors) admit(address string, now time.Time) bool {
	from := neighbourhood(address)
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Sub(d.since) >= time.Minute || len(d.knocked) >= maxKnockers {
		d.since, d.knocked = now, map[netip.Prefix]int{}
	}
	d.knocked[from]++
	return d.knocked[from] <= knocksAMinute
}

// neighbourhood is what one visitor has to themselves: an address of IPv4, a network of
// IPv6.
func neighbourhood(address string) netip.Prefix {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	at, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	at = at.Unmap().WithZone("")
	bits := at.BitLen()
	if at.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(at, bits).Masked()
}
