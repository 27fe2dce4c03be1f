package servers

import (
	"bufio"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ReleaseP99 is the bucket of cometproxy's own histogram of releases in which its
// 99th percentile lies: above low, at most high.
func (s *Server) ReleaseP99() (low, high time.Duration, err error) {
	answer, err := http.Get(s.internal + "/metrics")
	if err != nil {
		return 0, 0, err
	}
	defer answer.Body.Close()
	type bucket struct{ le, count float64 }
	var buckets []bucket
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), `cometproxy_release_duration_seconds_bucket{le="`)
		if !ok {
			continue
		}
		le, count, _ := strings.Cut(rest, `"} `)
		b := bucket{}
		if b.le, err = strconv.ParseFloat(le, 64); err == nil {
			b.count, err = strconv.ParseFloat(count, 64)
		}
		if err != nil {
			return 0, 0, err
		}
		buckets = append(buckets, b)
	}
	if len(buckets) == 0 {
		return 0, 0, fmt.Errorf("there is no histogram of releases")
	}
	total := buckets[len(buckets)-1].count
	before := 0.0
	for _, b := range buckets {
		if b.count >= 0.99*total {
			return time.Duration(before * float64(time.Second)), time.Duration(b.le * float64(time.Second)), nil
		}
		before = b.le
	}
	return 0, 0, lines.Err()
}
