package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"cometproxy/cmd/cometproxy/internal/config"
	"cometproxy/cmd/cometproxy/internal/terminal"
)

const publishUsage = `
Usage: cometproxy publish [flags] CHANNEL [BODY]

Publishes one message, BODY or else standard input, through the internal
listener of a running cometproxy, and prints its answer: the message's id and
how many held polls it released. A body that is a JSON object or array is sent as
application/json, other text as text/plain; -type says otherwise.

Examples:
  cometproxy publish room:42 '{"text":"hello"}'
  date | cometproxy publish clock
  cometproxy publish -key order-1001 orders '{"id":1001}'
  cometproxy publish -type text/html news '<b>now</b>'
  cometproxy publish -url unix:/run/cometproxy/internal.sock everyone hello
`

// A publication is what the command line asks to publish, and where.
type publication struct {
	inside
	channel     string
	body        []byte
	contentType string
	key         string
}

// runPublish publishes one message.
func runPublish(args []string, stdout, stderr io.Writer) int {
	return publishFrom(os.Stdin, args, stdout, stderr)
}

func publishFrom(stdin io.Reader, args []string, stdout, stderr io.Writer) int {
	flags := newFlags("publish", publishUsage, stdout)
	file := flags.String("config", "", "`FILE` that names the internal listener and the token (default "+defaultConfig+", or the defaults if there is none)")
	contentType := flags.String("type", "", "content `TYPE` of the body")
	key := flags.String("key", "", "idempotency `KEY`: the same key on the same channel publishes once in 5 minutes")
	address := flags.String("url", "", "`URL` of the internal listener instead of the configuration's: http://host:port or unix:/path")
	if code, done := parseFlags(flags, args, stderr); done {
		return code
	}
	p := publication{channel: flags.Arg(0), contentType: *contentType, key: *key}
	switch {
	case flags.NArg() == 0:
		return usageError(stderr, "publish", "no channel is named")
	case flags.NArg() > 2:
		return usageError(stderr, "publish", "too many words after the channel; put flags before it and a body with spaces in quotes")
	}
	if why := badChannel(p.channel); why != "" {
		return usageError(stderr, "publish", "%s", why)
	}
	if why := badHeader(p.key) + badHeader(p.contentType); why != "" {
		return usageError(stderr, "publish", "-key and -type are headers: %s", why)
	}
	if len(p.key) > 255 {
		return usageError(stderr, "publish", "-key has %d bytes, 255 are allowed", len(p.key))
	}
	if why := p.locate(*file, *address); why != "" {
		fmt.Fprintf(stderr, "cometproxy publish: %s\n", why)
		return exitFailed
	}
	if err := p.read(stdin, flags.Args()[1:], stderr); err != nil {
		fmt.Fprintf(stderr, "cometproxy publish: standard input: %v\n", err)
		return exitFailed
	}
	return p.send(stdout, stderr)
}

// badChannel says what is wrong with a channel's name, or "".
func badChannel(name string) string {
	switch {
	case name == "":
		return "the name of the channel is empty"
	case len(name) > 255:
		return fmt.Sprintf("the name of the channel has %d bytes, 255 are allowed", len(name))
	case strings.HasPrefix(name, "$"):
		return fmt.Sprintf("%q: names that begin with $ are reserved", name)
	case name == "." || name == "..":
		return fmt.Sprintf("%q cannot be the name of a channel", name)
	case !utf8.ValidString(name) || strings.IndexFunc(name, unicode.IsControl) >= 0:
		return fmt.Sprintf("%q has a control character, or is no UTF-8", name)
	}
	return ""
}

func badHeader(value string) string {
	if strings.IndexFunc(value, unicode.IsControl) >= 0 {
		return fmt.Sprintf("%q has a control character", value)
	}
	return ""
}

// locate finds the internal listener and its token. A named configuration must
// be readable; the default one may be absent, then the defaults hold.
func (p *inside) locate(file, address string) string {
	c := config.Default()
	p.source = "-config FILE names a configuration"
	_, err := os.Stat(defaultConfig)
	if named := file != ""; named || !errors.Is(err, fs.ErrNotExist) {
		if !named {
			file = defaultConfig
		}
		read, problems := config.Load(file)
		if read == nil {
			return fmt.Sprintf("the configuration has problems:\n%s", strings.TrimSuffix(problems.Errors().String(), "\n"))
		}
		c, p.source = read, "-config names another file"
	}
	p.token = c.Internal.Token
	p.address = reachable(c.Internal.Listen)
	if address != "" {
		p.address, p.source = address, "-url says where else"
	}
	if p.address == "" {
		return fmt.Sprintf("[internal] listen has only ports that are chosen at start: say with -url which it is (%s)", file)
	}
	return ""
}

// read takes the body from the command line or standard input, and names its
// type if the command line does not.
func (p *publication) read(stdin io.Reader, args []string, stderr io.Writer) error {
	if len(args) > 0 {
		p.body = []byte(args[0])
	} else {
		if f, ok := stdin.(*os.File); ok && terminal.Is(f) {
			fmt.Fprintln(stderr, "reading the message from the terminal; end it with Ctrl-D")
		}
		var err error
		if p.body, err = io.ReadAll(stdin); err != nil {
			return err
		}
		if len(p.body) == 0 {
			return errors.New("the message is empty; give '' as BODY if that is meant")
		}
	}
	if p.contentType == "" {
		p.contentType = detectType(p.body)
		if first := bytes.TrimLeft(p.body, " \t\r\n"); strings.HasPrefix(p.contentType, "text/") && len(first) > 0 && (first[0] == '{' || first[0] == '[') {
			fmt.Fprintln(stderr, "cometproxy publish: it begins like JSON and is none, so it goes out as text (-type text/plain says that this is meant)")
		}
	}
	return nil
}

// detectType is JSON for an object or array, else text, or bytes if it is none.
func detectType(body []byte) string {
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case !utf8.Valid(body):
		return "application/octet-stream"
	case len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') && json.Valid(body):
		return "application/json"
	default:
		return "text/plain; charset=utf-8"
	}
}
