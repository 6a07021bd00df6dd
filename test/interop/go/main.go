// A NATS client in Go, driven by a test: one JSON command a line on stdin, one JSON answer or message a line on stdout.
// The same commands, options and lines as ../python/client.py; what they mean is in ../client.ts. It knows nothing of
// Colloquy: it is the stranger on the other side.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

type command struct {
	ID        int                 `json:"id"`
	Do        string              `json:"do"`
	Subject   string              `json:"subject"`
	Queue     string              `json:"queue"`
	Reply     string              `json:"reply"`
	Data      []byte              `json:"data"` // base64 in JSON
	Headers   map[string][]string `json:"headers"`
	TimeoutMs int                 `json:"timeoutMs"`
}

type message struct {
	Subject string              `json:"subject"`
	Reply   string              `json:"reply,omitempty"`
	Data    []byte              `json:"data"`
	Headers map[string][]string `json:"headers,omitempty"`
}

type line struct {
	Ready        string   `json:"ready,omitempty"`
	ID           int      `json:"id,omitempty"`
	Error        string   `json:"error,omitempty"`
	Answer       *message `json:"answer,omitempty"`
	Subscription int      `json:"subscription,omitempty"`
	Message      *message `json:"message,omitempty"`
}

// Callbacks of subscriptions run on goroutines of their own.
var outLock sync.Mutex
var out = json.NewEncoder(os.Stdout)

func write(l line) {
	outLock.Lock()
	defer outLock.Unlock()
	if err := out.Encode(l); err != nil {
		os.Exit(1)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func received(m *nats.Msg) *message {
	data := m.Data
	if data == nil {
		data = []byte{}
	}
	return &message{Subject: m.Subject, Reply: m.Reply, Data: data, Headers: m.Header}
}

func word(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, nats.ErrNoResponders):
		return "no responders"
	case errors.Is(err, nats.ErrTimeout):
		return "timeout"
	default:
		return err.Error()
	}
}

// Flushed, so that the server knows of it before the answer is read.
func subscribe(nc *nats.Conn, c command, handle nats.MsgHandler) error {
	var err error
	if c.Queue == "" {
		_, err = nc.Subscribe(c.Subject, handle)
	} else {
		_, err = nc.QueueSubscribe(c.Subject, c.Queue, handle)
	}
	if err != nil {
		return err
	}
	return nc.Flush()
}

func outgoing(c command) *nats.Msg {
	return &nats.Msg{Subject: c.Subject, Reply: c.Reply, Data: c.Data, Header: c.Headers}
}

func echo(m *nats.Msg) {
	header := nats.Header{"served-by": []string{"go"}}
	for name, values := range m.Header {
		header[name] = values
	}
	if err := m.RespondMsg(&nats.Msg{Data: m.Data, Header: header}); err != nil {
		fail(err)
	}
}

func run(nc *nats.Conn, c command) error {
	switch c.Do {
	case "subscribe":
		return subscribe(nc, c, func(m *nats.Msg) { write(line{Subscription: c.ID, Message: received(m)}) })
	case "serve":
		return subscribe(nc, c, echo)
	case "publish":
		if err := nc.PublishMsg(outgoing(c)); err != nil {
			return err
		}
		return nc.Flush()
	case "request":
		go func() {
			answer, err := nc.RequestMsg(outgoing(c), time.Duration(c.TimeoutMs)*time.Millisecond)
			if err != nil {
				write(line{ID: c.ID, Error: word(err)})
				return
			}
			write(line{ID: c.ID, Answer: received(answer)})
		}()
		return nil
	default:
		return fmt.Errorf("unknown command %q", c.Do)
	}
}

func options(user, pass, token, seedFile, ca string, closed chan struct{}) []nats.Option {
	opts := []nats.Option{
		nats.Name("interop-go"),
		nats.MaxReconnects(0),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }),
	}
	if user != "" {
		opts = append(opts, nats.UserInfo(user, pass))
	}
	if token != "" {
		opts = append(opts, nats.Token(token))
	}
	if seedFile != "" {
		nkey, err := nats.NkeyOptionFromSeed(seedFile)
		if err != nil {
			fail(err)
		}
		opts = append(opts, nkey)
	}
	if ca != "" {
		opts = append(opts, nats.RootCAs(ca))
	}
	return opts
}

func main() {
	url := flag.String("url", nats.DefaultURL, "of the server")
	user := flag.String("user", "", "name of a user")
	pass := flag.String("pass", "", "password of the user")
	token := flag.String("token", "", "token")
	seedFile := flag.String("nkey-seed-file", "", "file with the seed of an nkey")
	ca := flag.String("ca", "", "file with the certificates that sign the server's")
	flag.Parse()
	closed := make(chan struct{})
	nc, err := nats.Connect(*url, options(*user, *pass, *token, *seedFile, *ca, closed)...)
	if err != nil {
		fail(err)
	}
	write(line{Ready: "nats.go " + nats.Version})
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 64*1024), 16*1024*1024)
	for in.Scan() {
		var c command
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			fail(err)
		}
		if c.Do == "drain" {
			if err := nc.Drain(); err != nil {
				fail(err)
			}
			<-closed
			write(line{ID: c.ID})
			return
		}
		err := run(nc, c)
		if err != nil || c.Do != "request" {
			write(line{ID: c.ID, Error: word(err)})
		}
	}
	nc.Close()
}
