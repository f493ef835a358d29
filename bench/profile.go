package bench

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// profileTime is how long a profile looks at the server. A turn of an arm may be over
// sooner; of several turns the last one's profile stays.
const profileTime = 3 * time.Second

// profile starts a profile of the server's processor if this round wants one.
// srv is nil in the bare loop. The function returned waits for the profile, and
// must be called.
func (s *session) profile(ctx context.Context, srv *server, arm string) (finish func() error) {
	if srv == nil || srv.pprof == "" {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	go func() {
		done <- srv.profileCPU(ctx, filepath.Join(s.settings.Profile, arm+".pprof"))
	}()
	return func() error { return <-done }
}

func (srv *server) profileCPU(ctx context.Context, file string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet,
		"http://"+srv.pprof+"/debug/pprof/profile?seconds="+strconv.Itoa(int(profileTime.Seconds())), nil)
	if err != nil {
		return err
	}
	res, err := srv.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return unexpected(req, res)
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, res.Body); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
