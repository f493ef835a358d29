package share

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Command is what the operator of some shares does: make, list, revoke or serve, with
// flags. Data goes to out, words go to words.
func Command(ctx context.Context, args []string, out, words io.Writer) (err error) {
	verb := args[0]
	sh, dir, listen, columns := &Share{}, "", "", ""
	flags := flag.NewFlagSet(verb, flag.ContinueOnError)
	flags.SetOutput(words)
	flags.StringVar(&dir, "dir", ".", "the folder of the mirrors, as of fanfare serve --files")
	switch verb {
	case "make":
		flags.StringVar(&sh.File, "file", "", "the mirror's file, such as bears.db")
		flags.StringVar(&sh.Table, "table", "", "the table in it")
		flags.StringVar(&sh.Key, "key", "id", "the column that names a row")
		flags.StringVar(&columns, "columns", "", "the columns to show, with commas between; all unless told")
		flags.StringVar(&sh.Latitude, "latitude", "", "the column with the latitude, for GeoJSON")
		flags.StringVar(&sh.Longitude, "longitude", "", "the column with the longitude")
	case "serve":
		flags.StringVar(&listen, "listen", "127.0.0.1:8096", "where to listen; put what ends TLS before it")
	case "list", "revoke":
	default:
		return fmt.Errorf("there is no %q; there are make, list, revoke and serve", verb)
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if (verb == "revoke") != (flags.NArg() == 1) || flags.NArg() > 1 {
		return errors.New("give the id of a share to revoke it, as list shows it, and nothing else to the others")
	}
	s, err := Open(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	switch verb {
	case "make":
		if columns != "" {
			sh.Columns = strings.Split(columns, ",")
		}
		token, err := s.Make(ctx, sh)
		if err != nil {
			return err
		}
		fmt.Fprintf(words, "Whoever has this path may read it, until you revoke %s. It is not shown again.\n", sh.ID)
		_, err = fmt.Fprintf(out, "/shares/%s.json\n", token)
		return err
	case "list":
		all, err := s.List(ctx)
		for _, sh := range all {
			err = errors.Join(err, json.NewEncoder(out).Encode(sh))
		}
		return err
	case "revoke":
		return s.Revoke(ctx, flags.Arg(0))
	}
	return s.serve(ctx, listen, words)
}

// serve shows shares at an address until ctx ends.
func (s *Shares) serve(ctx context.Context, address string, words io.Writer) error {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ln) }()
	fmt.Fprintf(words, "Shares are at http://%s/shares/\n", ln.Addr())
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = server.Shutdown(grace)
	<-ended
	return err
}
