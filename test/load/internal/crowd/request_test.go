package crowd

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

func TestPollRequest(t *testing.T) {
	target := Target{Address: "127.0.0.1:80", Poll: "/events/{channel}?cursor={cursor}", Cookies: 100,
		Headers: []string{"If-None-Match: {etag}", "X-Always: 1"}, Keep: keep}
	request := target.pollRequest()
	first := string(request.append(nil, 7, 0, [][]byte{nil, nil}))
	if !strings.HasPrefix(first, "GET /events/c0000007?cursor= HTTP/1.1\r\nHost: 127.0.0.1:80\r\n") || !strings.HasSuffix(first, "\r\nX-Always: 1\r\n\r\n") ||
		strings.Contains(first, "If-None-Match") {
		t.Errorf("the first poll is %s", first)
	}
	next := string(request.append(nil, 7, 0, [][]byte{[]byte("abc"), []byte("123")}))
	if !strings.HasPrefix(next, "GET /events/c0000007?cursor=abc HTTP/1.1\r\n") || !strings.Contains(next, "\r\nIf-None-Match: 123\r\n") {
		t.Errorf("the next poll is %s", next)
	}
}

func TestPublishRequest(t *testing.T) {
	target := Target{Address: "127.0.0.1:80", PublishAddress: "127.0.0.1:81", Publish: "/publish/", PublishHeaders: []string{"A: b"},
		PublishBody: `{"items":[{"channel":"{channel}","body":"{message:json}"}]}`}
	request := target.publishRequest()
	text := string(request.append(nil, 7, 42, nil))
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	if !strings.Contains(head, "Host: 127.0.0.1:81\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\nA: b") {
		t.Errorf("the head is %s; the body has %d bytes", head, len(body))
	}
	var got struct {
		Items []struct{ Channel, Body string }
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if got.Items[0].Channel != "c0000007" || got.Items[0].Body != string(AppendMessage(nil, 7, 42)) {
		t.Errorf("published is %+v", got)
	}
}

// TestCookies: the requests are as large as they claim to be.
func TestCookies(t *testing.T) {
	for _, n := range []int{100, 1000, 1536, 4096} {
		if got := len(cookies(n)); got < n || got > n+40 {
			t.Errorf("cookies(%d) has %d bytes", n, got)
		}
	}
	if cookies(0) != "" {
		t.Error("cookies(0) is not empty")
	}
}

func TestQueue(t *testing.T) {
	var q queue[int]
	next := 0
	for i := range 200_000 {
		q.push(i)
		if i%3 == 0 {
			continue
		}
		if v, ok := q.pop(); !ok || v != next {
			t.Fatalf("got %d, %v; want %d", v, ok, next)
		}
		next++
	}
	for v, ok := q.pop(); ok; v, ok = q.pop() {
		if v != next {
			t.Fatalf("got %d; want %d", v, next)
		}
		next++
	}
	if next != 200_000 {
		t.Errorf("%d of 200,000 came out", next)
	}
}
