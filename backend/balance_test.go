package backend

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/valyala/fasthttp"
)

// named starts n apps that answer with their number; slow, if not nil, keeps the
// first of them from answering until it is closed.
func named(t *testing.T, n int, slow chan struct{}) (urls []string) {
	for i := range n {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if i == 0 && slow != nil {
				<-slow
			}
			fmt.Fprint(w, i)
		}))
		t.Cleanup(s.Close)
		urls = append(urls, s.URL)
	}
	return urls
}

func TestLeastConns(t *testing.T) {
	slow := make(chan struct{})
	b := open(t, Options{URLs: named(t, 2, slow), Balance: LeastConns})
	var wg sync.WaitGroup
	wg.Go(func() { wantFetch(t, b, get("/"), 200, "0") })
	for b.Stats().Targets[0].Used == 0 {
	}
	for range 10 {
		wantFetch(t, b, get("/"), 200, "1")
	}
	close(slow)
	wg.Wait()
	for i, target := range b.Stats().Targets {
		if target.Used != 0 || !target.In {
			t.Errorf("address %d: %+v", i, target)
		}
	}
}

func TestByKey(t *testing.T) {
	urls := named(t, 4, nil)
	head := new(fasthttp.RequestHeader)
	head.DisableNormalizing()
	home := func(b *Backend, user int) string {
		head.Set("X-USER", fmt.Sprint(user))
		r := get("/")
		r.Key = b.Key(head)
		_, body, err := fetch(b, r)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	const users = 400
	b := open(t, Options{URLs: urls, Balance: ByHeader, BalanceOn: "x-user"})
	homes := make([]string, users)
	share := make(map[string]int)
	for user := range homes {
		homes[user] = home(b, user)
		share[homes[user]]++
		if again := home(b, user); again != homes[user] {
			t.Errorf("user %d went to %s, then to %s", user, homes[user], again)
		}
	}
	for app, n := range share {
		if n < users/4/2 || n > users/4*2 {
			t.Errorf("app %s has %d of %d users", app, n, users)
		}
	}
	// One fewer, and in another order: only its own users move.
	fewer := slices.Clone(urls[:3])
	slices.Reverse(fewer)
	b = open(t, Options{URLs: fewer, Balance: ByHeader, BalanceOn: "x-user"})
	for user, before := range homes {
		if now := home(b, user); before != "3" && now != before {
			t.Errorf("user %d moved from %s to %s", user, before, now)
		}
	}
	b = open(t, Options{URLs: urls, Balance: ByCookie, BalanceOn: "session"})
	var empty fasthttp.RequestHeader
	if b.Key(&empty) != 0 {
		t.Error("a request without a cookie has a key")
	}
	empty.SetCookie("session", "a")
	if b.Key(&empty) == 0 {
		t.Error("a cookie gives no key")
	}
}
