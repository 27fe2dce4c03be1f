package test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// withBody is a request whose header lines are about its body, which is hidden.
func withBody(lines, body string) string {
	return "POST /x HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n" + body
}

func inChunks(body string) string { return withBody("Transfer-Encoding: chunked\r\n", body) }

func aGet(lines string) string { return "GET /x HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n" + hidden }

// malformed are requests that no app may get. Behind each, or within it, is one
// more that must not be taken for a request either.
var malformed = map[string]string{
	"length and chunked":                withBody("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"+hidden),
	"chunked and length":                withBody("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"+hidden),
	"chunked and length 0":              withBody("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", "0\r\n\r\n"+hidden),
	"two lengths":                       withBody("Content-Length: 0\r\nContent-Length: 35\r\n", hidden),
	"two equal lengths":                 withBody("Content-Length: 0\r\nContent-Length: 0\r\n", hidden),
	"a list of lengths":                 withBody("Content-Length: 0, 35\r\n", hidden),
	"a list of equal lengths":           withBody("Content-Length: 0,0\r\n", hidden),
	"length with a sign":                withBody("Content-Length: +5\r\n", hidden),
	"negative length":                   withBody("Content-Length: -1\r\n", hidden),
	"length in hex":                     withBody("Content-Length: 0x5\r\n", hidden),
	"length with a space inside":        withBody("Content-Length: 3 5\r\n", hidden),
	"length with a fraction":            withBody("Content-Length: 0.0\r\n", hidden),
	"empty length":                      withBody("Content-Length:\r\n", hidden),
	"length too large":                  withBody("Content-Length: 99999999999999999999\r\n", hidden),
	"length of 2^64":                    withBody("Content-Length: 18446744073709551616\r\n", hidden),
	"length with quotes":                withBody("Content-Length: \"0\"\r\n", hidden),
	"length with vertical tab":          withBody("Content-Length: \v0\r\n", hidden),
	"length with form feed":             withBody("Content-Length: 0\f\r\n", hidden),
	"space before the colon":            withBody("Content-Length : 35\r\n", hidden),
	"tab before the colon":              withBody("Transfer-Encoding\t: chunked\r\n", "0\r\n\r\n"+hidden),
	"space before a plain colon":        aGet("X : 1\r\n"),
	"space in front of the name":        aGet(" X: 1\r\n"),
	"folded":                            aGet("X: 1\r\n 2\r\n"),
	"folded by a tab":                   aGet("X: 1\r\n\t2\r\n"),
	"folded coding":                     withBody("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"+hidden),
	"first line folded":                 "GET /x HTTP/1.1\r\n Host: a\r\n\r\n" + hidden,
	"no colon":                          aGet("X\r\n"),
	"no name":                           aGet(": 1\r\n"),
	"name with NUL":                     aGet("X\x00: 1\r\n"),
	"name with a slash":                 aGet("X/Y: 1\r\n"),
	"name with a letter of no ASCII":    aGet("X\xe9: 1\r\n"),
	"name with a parenthesis":           aGet("X(: 1\r\n"),
	"value with NUL":                    aGet("X: a\x00b\r\n"),
	"value with a bare CR":              aGet("X: a\rb\r\n"),
	"value with a bare CR and a name":   aGet("X: a\rTransfer-Encoding: chunked\r\n"),
	"value with a control character":    aGet("X: a\x01b\r\n"),
	"value with DEL":                    aGet("X: a\x7fb\r\n"),
	"a line ends in LF alone":           "GET /x HTTP/1.1\r\nHost: a\r\nX: 1\nY: 2\r\n\r\n" + hidden,
	"the head ends in LF alone":         "GET /x HTTP/1.1\r\nHost: a\r\n\n" + hidden,
	"LF alone hides a length":           "POST /x HTTP/1.1\r\nHost: a\r\nX: 1\nContent-Length: 35\r\n\r\n" + hidden,
	"CR CR LF":                          aGet("X: 1\r\r\n"),
	"coding identity":                   withBody("Transfer-Encoding: identity\r\n", hidden),
	"coding identity and length":        withBody("Transfer-Encoding: identity\r\nContent-Length: 35\r\n", hidden),
	"coding gzip":                       withBody("Transfer-Encoding: gzip\r\n", hidden),
	"coding gzip, chunked":              withBody("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"+hidden),
	"coding chunked, gzip":              withBody("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"+hidden),
	"coding chunked, chunked":           withBody("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"+hidden),
	"coding chunked, identity":          withBody("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"+hidden),
	"two codings":                       withBody("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"+hidden),
	"two different codings":             withBody("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", "0\r\n\r\n"+hidden),
	"coding xchunked":                   withBody("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"+hidden),
	"coding with a parameter":           withBody("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n"+hidden),
	"coding in quotes":                  withBody("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"+hidden),
	"coding behind a vertical tab":      withBody("Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n"+hidden),
	"empty coding":                      withBody("Transfer-Encoding:\r\n", "0\r\n\r\n"+hidden),
	"coding with HTTP/1.0":              "POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
	"no Host":                           "GET /x HTTP/1.1\r\n\r\n" + hidden,
	"two Hosts":                         aGet("Host: b\r\n"),
	"Host with a slash":                 "GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n" + hidden,
	"Host with a user":                  "GET /x HTTP/1.1\r\nHost: u@a\r\n\r\n" + hidden,
	"Host with a space":                 "GET /x HTTP/1.1\r\nHost: a b\r\n\r\n" + hidden,
	"HTTP/1.2":                          "GET /x HTTP/1.2\r\nHost: a\r\n\r\n" + hidden,
	"HTTP/2.0":                          "GET /x HTTP/2.0\r\nHost: a\r\n\r\n" + hidden,
	"HTTP/0.9":                          "GET /x\r\nHost: a\r\n\r\n" + hidden,
	"http/1.1":                          "GET /x http/1.1\r\nHost: a\r\n\r\n" + hidden,
	"HTTP/1.1 and more":                 "GET /x HTTP/1.1 x\r\nHost: a\r\n\r\n" + hidden,
	"two spaces":                        "GET  /x HTTP/1.1\r\nHost: a\r\n\r\n" + hidden,
	"a tab in place of a space":         "GET\t/x HTTP/1.1\r\nHost: a\r\n\r\n" + hidden,
	"a space in the target":             "GET /x y HTTP/1.1\r\nHost: a\r\n\r\n" + hidden,
	"a control character in the target": "GET /x\x01 HTTP/1.1\r\nHost: a\r\n\r\n" + hidden,
	"a target without a slash":          "GET x HTTP/1.1\r\nHost: a\r\n\r\n" + hidden,
	"a method of no token":              "G(T /x HTTP/1.1\r\nHost: a\r\n\r\n" + hidden,
	"CONNECT":                           "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n" + hidden,
	"* with GET":                        "GET * HTTP/1.1\r\nHost: a\r\n\r\n" + hidden,
	"a space in front":                  " GET /x HTTP/1.1\r\nHost: a\r\n\r\n" + hidden,
	"TLS":                               "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n" + hidden,
	"the beginning of HTTP/2":           "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + hidden,
}

// brokenBodies are requests of which the app may have seen the head, but never a
// whole request, nor another one.
var brokenBodies = map[string]string{
	"size with a sign":          inChunks("+0\r\n\r\n" + hidden),
	"size with 0x":              inChunks("0x0\r\n\r\n" + hidden),
	"size of no digits":         inChunks("\r\n\r\n" + hidden),
	"size behind a space":       inChunks(" 0\r\n\r\n" + hidden),
	"size of 17 digits":         inChunks("00000000000000000\r\n\r\n" + hidden),
	"size that overflows":       inChunks("ffffffffffffffff\r\n" + hidden),
	"size and an underscore":    inChunks("1_0\r\n" + hidden),
	"size line ends in LF":      inChunks("0\n\r\n" + hidden),
	"LF in an extension":        inChunks("0;x\n\r\n\r\n" + hidden),
	"no CRLF behind the data":   inChunks("3\r\nabc0\r\n\r\n" + hidden),
	"data longer than its size": inChunks("3\r\nabcd\r\n0\r\n\r\n" + hidden),
	"LF behind the data":        inChunks("3\r\nabc\n0\r\n\r\n" + hidden),
}

// TestSmuggling: what two readers could understand in two ways reaches no app, and
// ends the connection.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	if n := len(malformed) + len(brokenBodies); n < 60 {
		t.Fatalf("%d requests", n)
	}
	s, b := startApp(t, "", echoTarget)
	refused := func(name, raw string) {
		c := s.Client(t)
		c.Send(raw)
		a, err := c.Read()
		switch {
		case err != nil && err != io.EOF:
			t.Errorf("%s: %v", name, err)
		case err == nil && (a.Status < 400 || a.Header.Get("Content-Type") != "application/problem+json"):
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		case err == nil && a.Header.Get("Connection") != "close":
			t.Errorf("%s: the connection stays open behind %s", name, a.Body)
		}
		if err := c.End(harness.Patience); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, raw := range malformed {
		before := len(b.Requests())
		refused(name, raw)
		for _, x := range b.Requests()[before:] {
			t.Errorf("%s: the app got %q", name, x.Head)
		}
	}
	for name, raw := range brokenBodies {
		before := len(b.Requests())
		refused(name, raw)
		time.Sleep(10 * time.Millisecond)
		for _, x := range b.Requests()[before:] {
			if x.Target != "/x" {
				t.Errorf("%s: the app got %q", name, x.Head)
			}
		}
	}
	if a := s.Client(t).Get(t, "/alive"); a.Status != 200 {
		t.Errorf("afterwards: %d", a.Status)
	}
}

// TestCanonical: what has one meaning is sent on in one form, and what comes
// behind it is the next request.
func TestCanonical(t *testing.T) {
	t.Parallel()
	s, b := startApp(t, "", func(x *harness.Exchange) {
		body, _ := x.Body()
		x.Answer(200, fmt.Sprintf("%s %s %q", x.Method, x.Target, body))
	})
	for name, c := range map[string]struct{ raw, want string }{
		"chunk extensions":        {inChunks("3;a=b\r\nabc\r\n0;c\r\n\r\n"), `POST /x "abc"`},
		"zeros in front":          {inChunks("003\r\nabc\r\n000\r\n\r\n"), `POST /x "abc"`},
		"capitals":                {withBody("TRANSFER-ENCODING: Chunked\r\n", "A\r\n0123456789\r\n0\r\n\r\n"), `POST /x "0123456789"`},
		"spaces behind a size":    {inChunks("3 \r\nabc\r\n0\r\n\r\n"), `POST /x "abc"`},
		"length with zeros":       {withBody("Content-Length: 003\r\n", "abc"), `POST /x "abc"`},
		"no space behind colons":  {"GET /x HTTP/1.1\r\nHost:a\r\nX:1\r\n\r\n", `GET /x ""`},
		"an empty line in front":  {"\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n", `GET /x ""`},
		"a body with GET":         {fmt.Sprintf("GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(hidden), hidden), fmt.Sprintf("GET /x %q", hidden)},
		"the target as a URL":     {"GET http://a/x HTTP/1.1\r\nHost: b\r\n\r\n", `GET http://a/x ""`},
		"HTTP/1.0 without a Host": {"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", `GET /x ""`},
	} {
		client := s.Client(t)
		client.Send(c.raw + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
		if a := client.Want(t, 200); string(a.Body) != c.want {
			t.Errorf("%s: the app got %s, want %s", name, a.Body, c.want)
		}
		if a := client.Want(t, 200); string(a.Body) != `GET /next ""` {
			t.Errorf("%s: then the app got %s", name, a.Body)
		}
	}
	for _, x := range b.Requests() {
		if x.Target == "/smuggled" || x.Header.Get("Host") == "b" {
			t.Errorf("the app got %q", x.Head)
		}
	}
}

// TestCutBody: a body in chunks that a client does not send to its end is not
// whole for the app either.
func TestCutBody(t *testing.T) {
	t.Parallel()
	whole := make(chan error, 1)
	s, _ := startApp(t, "", func(x *harness.Exchange) {
		_, err := x.Body()
		whole <- err
		x.Conn.Close()
	})
	for _, body := range []string{"", "3", "3\r\n", "3\r\nab", "3\r\nabc", "3\r\nabc\r\n", "3\r\nabc\r\n0", "3\r\nabc\r\n0\r\n", "3\r\nabc\r\n0\r\nX: 1\r\n"} {
		c := s.Client(t)
		c.Send(inChunks(body))
		c.CloseWrite()
		c.Want(t, 400)
		select {
		case err := <-whole:
			if err == nil {
				t.Errorf("%q is whole for the app", body)
			}
		case <-time.After(harness.Patience):
			t.Errorf("%q: the app waits", body)
		}
	}
	c := s.Client(t)
	c.Send(inChunks("3\r\nabc\r\n0\r\n\r\n"))
	c.CloseWrite()
	if err := <-whole; err != nil {
		t.Errorf("a whole body: %v", err)
	}
}
