package demo

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// answer is a whole response.
type answer struct {
	code   int
	header map[string]string
	body   []byte
}

// write sends the answer. None may be kept by a cache: the wall changes.
func (out answer) write(w http.ResponseWriter) {
	h := w.Header()
	for name, value := range out.header {
		h.Set(name, value)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(out.body)))
	w.WriteHeader(out.code)
	_, _ = w.Write(out.body) // net/http leaves it out for HEAD; a client that is gone is no news
}

func jsonAnswer(code int, v any) answer {
	body, err := json.Marshal(v)
	if err != nil {
		return problem(http.StatusInternalServerError, err.Error())
	}
	return answer{code: code, header: map[string]string{"Content-Type": "application/json"}, body: append(body, '\n')}
}

// problem is an error answer as RFC 9457 has it.
func problem(code int, detail string) answer {
	out := jsonAnswer(code, struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{http.StatusText(code), code, detail})
	out.header["Content-Type"] = "application/problem+json"
	return out
}

func notAllowed(allow string) answer {
	out := problem(http.StatusMethodNotAllowed, "Allowed here: "+allow+".")
	out.header["Allow"] = allow
	return out
}
