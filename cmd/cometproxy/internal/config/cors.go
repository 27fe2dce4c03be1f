package config

import (
	"fmt"
	"net/url"
	"strings"
)

// cors reads and checks the table cors of a route.
func (r *reader) cors(route *section, table rawTable, t *target) {
	v := table.values["cors"]
	if v == nil {
		return
	}
	raw, ok := v.(map[string]any)
	if !ok {
		route.problem("cors", "is %s: write cors = { origins = [\"https://a.example\"] }", nameOf(v))
		return
	}
	c := new(CORS)
	t.cors = c
	s := r.table("route.cors", raw, table.at.kid("cors"), t)
	t.route.CORS = c
	if !s.given["origins"] {
		s.problem("origins", "is missing: list the sites whose scripts may read, origins = [\"https://a.example\"], or [\"*\"] for all")
	}
	if !s.ok("origins") {
		return
	}
	for i, origin := range c.Origins {
		switch {
		case origin == "*" && c.Credentials && s.ok("credentials"):
			s.itemProblem("origins", i, "browsers refuse \"*\" with credentials = true: list the sites, or leave credentials out")
		case origin == "*" && len(c.Origins) > 1:
			s.itemWarn("origins", i, "\"*\" allows every site, the others in the list mean nothing")
		case origin == "*":
		default:
			if why := badOrigin(origin); why != "" {
				s.itemProblem("origins", i, "%s", why)
			}
		}
	}
}

// badOrigin says what is wrong with an origin, or "". It must be as browsers
// write it, as it is compared byte by byte.
func badOrigin(origin string) string {
	const example = `write scheme://host[:port], like "https://a.example"`
	scheme, rest, ok := strings.Cut(origin, "://")
	if !ok {
		if isHostName(origin) && origin != "null" {
			return fmt.Sprintf("%s has no scheme: write %s", quoted(origin), quoted("https://"+strings.ToLower(origin)))
		}
		return fmt.Sprintf("%s is no origin: %s, or \"*\" for all", quoted(origin), example)
	}
	u, err := url.Parse(strings.ToLower(origin))
	if err != nil || scheme == "" || u.Host == "" || u.User != nil {
		return fmt.Sprintf("%s is no origin: %s", quoted(origin), example)
	}
	if strings.Contains(rest, "*") {
		return fmt.Sprintf("%s: there are no wildcards inside an origin, list each site", quoted(origin))
	}
	host := u.Hostname()
	if !isHostName(host) && !isIP(host) {
		return fmt.Sprintf("%s: %s is no host name: %s", quoted(origin), quoted(host), example)
	}
	clean := u.Scheme + "://" + u.Host
	if u.Scheme == "https" {
		clean = strings.TrimSuffix(clean, ":443")
	} else if u.Scheme == "http" {
		clean = strings.TrimSuffix(clean, ":80")
	}
	if clean = strings.TrimSuffix(clean, ":"); clean != origin {
		return fmt.Sprintf("%s is not what browsers send: write %s", quoted(origin), quoted(clean))
	}
	return ""
}
