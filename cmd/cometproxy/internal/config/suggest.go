package config

import (
	"strconv"
	"strings"
)

// meant are words that people bring from other programs.
var meant = map[string][]string{
	"url": {"urls"}, "server": {"urls", "public"}, "servers": {"urls", "backend"},
	"upstream": {"backend"}, "upstreams": {"backend"}, "backends": {"backend"}, "target": {"backend"},
	"routes": {"route"}, "location": {"route", "path"}, "prefix": {"path"},
	"port": {"listen"}, "bind": {"listen"}, "address": {"listen"}, "addr": {"listen"},
	"secret": {"token"}, "channel": {"channels"}, "ttl": {"age"}, "max_size": {"max_bytes"},
	"admin": {"internal"}, "hostname": {"host"}, "domain": {"host"},
}

// closest finds the known word that was probably meant, or "".
func closest(word string, known []string) string {
	if len(word) > 40 {
		return ""
	}
	lower := strings.ReplaceAll(strings.ToLower(word), "-", "_")
	for _, m := range meant[lower] {
		if contains(known, m) {
			return m
		}
	}
	best, bestDistance := "", 2+len(lower)/3
	for _, k := range known {
		d := distance(lower, k)
		switch {
		case strings.ReplaceAll(lower, "_", "") == strings.ReplaceAll(k, "_", ""):
			return k
		case strings.HasPrefix(lower, k[:min(3, len(k))]) && d <= 3 && len(k) > 2:
			d = min(d, 2) // cut or continued: loging for log
		case d >= len(k):
			continue
		}
		if d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

func didYouMean(word string, known []string) string {
	if c := closest(word, known); c != "" {
		return "; did you mean " + quoted(c) + "?"
	}
	return ""
}

// distance counts the letters to insert, drop, change or swap with the next to
// turn a into b.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}

// quoted is s in quotes on one line, cut if it is very long, without passwords in URLs.
func quoted(s string) string {
	s = hideInURLs(s)
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "..."
	}
	return strconv.Quote(s)
}

// quotedOr is `"a", "b" or "c"`.
func quotedOr(list []string) string {
	var b strings.Builder
	for i, item := range list {
		switch {
		case i == 0:
		case i == len(list)-1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(quoted(item))
	}
	return b.String()
}
