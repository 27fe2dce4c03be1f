package proxy

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// problem answers with an RFC 9457 problem. The detail says what to do.
func problem(ctx *fasthttp.RequestCtx, status int, format string, args ...any) {
	ctx.Response.SetStatusCode(status)
	ctx.Response.Header.SetContentType("application/problem+json")
	ctx.Response.Header.Set("Cache-Control", "no-store")
	ctx.Response.SetBody(problemJSON(status, fmt.Sprintf(format, args...)))
}

// Problem is problem for who answers in the proxy's place: see AdminPage.
func Problem(ctx *fasthttp.RequestCtx, status int, format string, args ...any) {
	problem(ctx, status, format, args...)
}

func problemJSON(status int, detail string) []byte {
	b, _ := json.Marshal(struct { // cannot fail: strings and a number
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{"about:blank", fasthttp.StatusMessage(status), status, detail})
	return append(b, '\n')
}

// retryProblem is a problem of a moment: it says when to try again.
func retryProblem(ctx *fasthttp.RequestCtx, status int, after time.Duration, format string, args ...any) {
	problem(ctx, status, format, args...)
	ctx.Response.Header.Set("Retry-After", strconv.Itoa(int((after+time.Second-1)/time.Second)))
}

// page puts the operator's own page in the place of a problem, if there is one.
func (p *Proxy) page(ctx *fasthttp.RequestCtx) {
	page, ok := p.set().ErrorPages[ctx.Response.StatusCode()]
	if !ok {
		return
	}
	if p.set().PageStatus != 0 {
		ctx.Response.SetStatusCode(p.set().PageStatus)
	}
	ctx.Response.Header.SetContentType(page.Type)
	ctx.Response.SetBodyString(page.Body)
}

// refusal is what a connection gets that is turned away at the limit: a whole
// answer, built once.
func refusal(status int, why string) []byte {
	body := problemJSON(status, why)
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\n"+
		"Cache-Control: no-store\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", status, fasthttp.StatusMessage(status), len(body), body)
}
