package holders

import (
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
)

// A hub is the hold server that a Go developer writes in an afternoon: a channel
// that is closed when there is news, and the newest message.
type hub struct {
	mu    sync.Mutex
	rooms map[string]*news // guarded by mu
}

type news struct {
	mu      sync.Mutex
	seq     int           // guarded by mu
	message []byte        // guarded by mu
	changed chan struct{} // guarded by mu: closed, and replaced, at each message
}

// serveNetHTTP serves GET /channel?seq=N, POST /channel, and POST /-/free, which
// collects garbage and gives memory back.
func serveNetHTTP(address string) error {
	h := &hub{rooms: make(map[string]*news)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{channel}", h.poll)
	mux.HandleFunc("POST /{channel}", h.publish)
	mux.HandleFunc("POST /-/free", func(http.ResponseWriter, *http.Request) { debug.FreeOSMemory() })
	return http.ListenAndServe(address, mux)
}

func (h *hub) room(name string) *news {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.rooms[name]
	if n == nil {
		n = &news{changed: make(chan struct{})}
		h.rooms[name] = n
	}
	return n
}

func (h *hub) poll(w http.ResponseWriter, r *http.Request) {
	n := h.room(r.PathValue("channel"))
	seen, _ := strconv.Atoi(r.URL.Query().Get("seq"))
	for {
		n.mu.Lock()
		seq, message, changed := n.seq, n.message, n.changed
		n.mu.Unlock()
		if seq > seen {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Seq", strconv.Itoa(seq))
			w.Write(message)
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

func (h *hub) publish(w http.ResponseWriter, r *http.Request) {
	message, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	n := h.room(r.PathValue("channel"))
	n.mu.Lock()
	n.seq++
	n.message = message
	close(n.changed)
	n.changed = make(chan struct{})
	n.mu.Unlock()
	fmt.Fprintln(w, "published")
}
