package proxy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"
)

// decoded undoes the content codings of a body (RFC 9110, section 8.4), given
// as the values of its Content-Encoding lines. What comes out has at most limit
// bytes, at every step.
func decoded(body []byte, codings []string, limit int) ([]byte, error) {
	var names []string
	for _, line := range codings {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			if name != "" && name != "identity" {
				names = append(names, name)
			}
		}
	}
	if len(names) > maxCodings {
		return nil, fmt.Errorf("the answer's body was coded %d times over (Content-Encoding)", len(names))
	}
	for _, name := range slices.Backward(names) {
		var err error
		if body, err = decodedOnce(body, name, limit); err != nil {
			return nil, err
		}
	}
	return body, nil
}

const maxCodings = 4

func decodedOnce(body []byte, name string, limit int) ([]byte, error) {
	if len(body) == 0 {
		return nil, nil // as behind HEAD
	}
	var r fasthttp.Response
	r.Header.SetContentEncoding(strings.TrimPrefix(name, "x-")) // x-gzip is gzip
	r.SetBodyRaw(body)
	out, err := r.BodyUncompressedWithLimit(limit)
	switch {
	case errors.Is(err, fasthttp.ErrContentEncodingUnsupported):
		return nil, fmt.Errorf("Content-Encoding %q is not known here: gzip, deflate, br and zstd are", shorten(name))
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return nil, fmt.Errorf("the answer's body has more than %d bytes when its %s is undone", limit, name)
	case err != nil:
		return nil, fmt.Errorf("the answer's body says that it is %s and is not: %w", name, err)
	}
	return out, nil
}
