package config

import (
	"mime"
	"path/filepath"
	"strconv"
)

// pageStatuses are the statuses that a page can stand for.
var pageStatuses = [3]int{502, 503, 504}

// checkPages reads the pages.
func checkPages(s *section, e *ErrorPages, files [3]string) {
	for i, status := range pageStatuses {
		name := strconv.Itoa(status)
		if !s.given[name] || !s.ok(name) {
			continue
		}
		text, ok := s.secretFile(name, files[i])
		if !ok {
			continue
		}
		kind := mime.TypeByExtension(filepath.Ext(files[i]))
		if kind == "" {
			kind = "text/html; charset=utf-8"
		}
		if e.Pages == nil {
			e.Pages = make(map[int]Page)
		}
		e.Pages[status] = Page{Body: text + "\n", Type: kind}
	}
	if !s.ok("status") || !s.given["status"] {
		return
	}
	switch {
	case e.Status != 0 && e.Status < 200:
		s.problem("status", "%d is no status of an answer: write one from 200 to 599", e.Status)
	case len(e.Pages) == 0 && e.Status != 0:
		s.warn("status", "has no effect without a page: write 502 = \"/path/to/page.html\"")
	}
}
