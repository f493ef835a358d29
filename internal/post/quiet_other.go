//go:build !unix

package post

// quiet reports whether a connection that rested is still of use, as far as can
// be told without reading from it.
func (cn *conn) quiet() bool {
	return cn.r.Buffered() == 0 && !restedTooLong(cn)
}
