package holders

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// servePages runs an ordinary app: GET /?bytes=N answers with a page of N bytes,
// POST / reads what comes.
func servePages(address string) error {
	page := bytes.Repeat([]byte("0123456789abcde\n"), 1<<16)
	return http.ListenAndServe(address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n, err := io.Copy(io.Discard, r.Body); n > 0 || err != nil {
			fmt.Fprintf(w, "%d bytes, %v\n", n, err)
			return
		}
		n, _ := strconv.Atoi(r.URL.Query().Get("bytes"))
		w.Header().Set("Content-Length", strconv.Itoa(min(n, len(page))))
		w.Write(page[:min(max(n, 0), len(page))])
	}))
}
