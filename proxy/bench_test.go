package proxy

import (
	"testing"

	"github.com/valyala/fasthttp"
)

func BenchmarkPublishOne(b *testing.B) {
	for _, bench := range []struct{ name, mediaType, body string }{
		{"json", "application/json", `{"user":"ann","text":"hello, world","at":1700000000}`},
		{"text", "text/plain", "hello, world"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			p, _ := releasing()
			var ctx fasthttp.RequestCtx
			ctx.Request.Header.SetMethod("POST")
			ctx.Request.Header.SetContentType(bench.mediaType)
			ctx.Request.SetBodyString(bench.body)
			b.ReportAllocs()
			for b.Loop() {
				ctx.Response.Reset()
				p.publishOne(&ctx, "room:1")
			}
			if ctx.Response.StatusCode() != 200 {
				b.Fatal(ctx.Response.StatusCode())
			}
		})
	}
}
