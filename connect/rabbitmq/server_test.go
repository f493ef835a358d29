package rabbitmq_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/fanfarehq/fanfare/internal/freeport"
	"github.com/fanfarehq/fanfare/internal/memdir"
)

// startsWithin is how long a RabbitMQ may take to start on a busy machine.
const startsWithin = 90 * time.Second

// program is RabbitMQ's own, of Debian's package rabbitmq-server: the one in the PATH
// would change users.
const program = "/usr/lib/rabbitmq/bin/rabbitmq-server"

// A broker is a RabbitMQ with a folder of its own, on ports of its own. What of Erlang
// would stay when it has ended, a daemon that knows the ports of others, it has for
// itself too.
type broker struct {
	dir     string
	address string
	env     []string
	epmd    *exec.Cmd
	server  *exec.Cmd
	log     *os.File
	kept    time.Time // when the queue kept was made, which is to outlast a crash
}

// rabbit is the one that all tests here have.
var rabbit *broker

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if _, err := os.Stat(program); err != nil {
			return m.Run() // what needs one says so
		}
		b, err := newBroker()
		if err == nil {
			defer b.end()
			err = b.start()
		}
		if err == nil {
			err = b.keep()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "RabbitMQ does not start:", err)
			return 1
		}
		rabbit = b
		return m.Run()
	}())
}

// needed skips a test where there is no RabbitMQ.
func needed(t *testing.T) {
	t.Helper()
	if rabbit == nil {
		t.Skip("there is no RabbitMQ here; install Debian's package rabbitmq-server")
	}
}

func newBroker() (*broker, error) {
	dir, err := os.MkdirTemp(memdir.Root(), "rabbitmq")
	if err != nil {
		return nil, err
	}
	b := &broker{dir: dir}
	var ports [3]string
	for i := range ports {
		port, err := freeport.Next()
		if err != nil {
			return nil, err
		}
		ports[i] = strconv.Itoa(port)
	}
	b.address = "127.0.0.1:" + ports[0]
	at := func(name string) string { return filepath.Join(dir, name) }
	b.env = []string{
		"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "HOME=" + dir,
		"ERL_EPMD_PORT=" + ports[2], "ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_NODENAME=fanfare" + ports[0] + "@localhost", "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1", "RABBITMQ_NODE_PORT=" + ports[0], "RABBITMQ_DIST_PORT=" + ports[1],
		"RABBITMQ_MNESIA_BASE=" + at("data"), "RABBITMQ_LOG_BASE=" + at("log"), "RABBITMQ_LOGS=-", "RABBITMQ_PID_FILE=" + at("pid"),
		"RABBITMQ_CONFIG_FILE=" + at("rabbitmq.conf"), "RABBITMQ_CONF_ENV_FILE=" + at("env"), "RABBITMQ_ENABLED_PLUGINS_FILE=" + at("plugins"),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
	}
	files := map[string]string{"plugins": "[].\n", "env": "", "rabbitmq.conf": "log.console.level = warning\nmax_message_size = 200000\n"}
	for name, text := range files {
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	b.log, err = os.Create(at("out"))
	return b, err
}

// run starts a program that ends with this one.
func (b *broker) run(name string, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = b.env, b.dir, b.log, b.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd, cmd.Start()
}

// start starts it, also again after it was killed, and waits for it to listen.
func (b *broker) start() error {
	var err error
	if b.epmd == nil {
		port := strings.TrimPrefix(b.env[3], "ERL_EPMD_PORT=")
		if b.epmd, err = b.run("epmd", "-port", port, "-address", "127.0.0.1"); err != nil {
			b.epmd = nil
			return err
		}
	}
	if b.server, err = b.run(program); err != nil {
		b.server = nil
		return err
	}
	for deadline := time.Now().Add(startsWithin); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", b.address); err == nil {
			return c.Close()
		}
	}
	text, _ := os.ReadFile(b.log.Name())
	return errors.New(string(text))
}

// keep makes the queue kept.
func (b *broker) keep() error {
	conn, err := amqp.Dial("amqp://guest:guest@" + b.address + "/")
	if err != nil {
		return err
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	_, err = ch.QueueDeclare("kept", true, false, false, false, nil)
	b.kept = time.Now()
	return err
}

// kill ends it as a crash does, with all that it has started.
func (b *broker) kill() {
	end(b.server)
	b.server = nil
}

func end(cmd *exec.Cmd) {
	if cmd != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	}
}

func (b *broker) end() {
	b.kill()
	end(b.epmd)
	_ = b.log.Close()
	_ = os.RemoveAll(b.dir)
}

// dial makes connections on this machine.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, address)
}
