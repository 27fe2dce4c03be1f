package route

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// NewTable checks the routes and makes the table. All problems come at once,
// joined, each a *[ConfigError]. The routes are copied.
func NewTable(routes []Route) (*Table, error) {
	t := &Table{exact: map[string]*node{}, wild: map[string]*node{}}
	var errs []error
	for i := range routes {
		c := compiler{rule: &rule{index: i, route: routes[i]}}
		c.compile()
		if c.placed { // also with other errors, to find duplicates among them
			c.insert(t)
		}
		errs = append(errs, c.errs...)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return t, nil
}

// compiler makes one rule and collects what is wrong with it.
type compiler struct {
	rule    *rule
	hostKey string
	wild    bool
	pattern []patternSegment
	placed  bool // host and path are good
	errs    []error
}

// patternSegment is one segment of a path pattern.
type patternSegment struct {
	literal string // decoded
	param   string // the name, if it is a {name}
}

func (c *compiler) failf(key, format string, args ...any) {
	c.errs = append(c.errs, &ConfigError{
		Index: c.rule.index, Key: key, Path: c.rule.route.Path, Text: fmt.Sprintf(format, args...),
	})
}

func (c *compiler) compile() {
	r := &c.rule.route
	r.Channels, r.Params = slices.Clone(r.Channels), maps.Clone(r.Params)
	if r.Host != "" {
		key, wild, err := parseHost(r.Host)
		if err != nil {
			c.failf("host", "%q: %v", r.Host, err)
		}
		c.hostKey, c.wild = key, wild
	}
	pathAt := len(c.errs)
	c.parsePath()
	pathGood := len(c.errs) == pathAt
	c.placed = len(c.errs) == 0
	switch {
	case len(r.Channels) > 0 && r.Backend != "":
		c.failf("backend", "a route has either channels or a backend, not both")
	case len(r.Channels) > 0:
		if pathGood { // else every {name} would be reported as unknown
			c.compileParams()
			c.compileTemplates()
		}
	case r.Backend == "":
		c.failf("backend", "a route needs channels (to hold by itself) or a backend (to forward to)")
	case len(r.Params) > 0:
		c.failf("params", "only for routes with channels; a backend judges its own paths")
	case r.Open:
		c.failf("open", "only for routes with channels")
	}
}

// parsePath splits the pattern and notes its parameters.
func (c *compiler) parsePath() {
	path := c.rule.route.Path
	switch {
	case !strings.HasPrefix(path, "/"):
		c.failf("path", "must begin with /")
		return
	case path == "/":
		return
	case strings.ContainsAny(path, "?#"):
		c.failf("path", "routes match the path only: no ? and no # (written %%3F and %%23 if meant)")
		return
	case strings.HasSuffix(path, "/"):
		shorter := strings.TrimRight(path, "/")
		c.failf("path", "must not end with /: write %q (for a backend, it matches what is below too)", cmp.Or(shorter, "/"))
		return
	}
	for raw := range strings.SplitSeq(path[1:], "/") {
		s, err := parsePatternSegment(raw)
		if err != nil {
			c.failf("path", "%v", err)
			continue
		}
		if s.param != "" {
			if indexParam(c.rule.params, s.param) >= 0 {
				c.failf("path", "{%s} is there twice", s.param)
			}
			c.rule.params = append(c.rule.params, param{name: s.param, segment: len(c.pattern)})
		}
		c.pattern = append(c.pattern, s)
	}
}

func parsePatternSegment(raw string) (patternSegment, error) {
	if strings.ContainsAny(raw, "{}") {
		name, ok := strings.CutPrefix(raw, "{")
		name, ok2 := strings.CutSuffix(name, "}")
		if !ok || !ok2 || strings.ContainsAny(name, "{}") {
			return patternSegment{}, fmt.Errorf("%q: a parameter is a whole segment, /{name}/ (a literal brace is written %%7B, %%7D)", raw)
		}
		return patternSegment{param: name}, validParamName(name)
	}
	if strings.ContainsFunc(raw, isBlank) {
		return patternSegment{}, fmt.Errorf("%q contains white space (a literal blank is written %%20)", raw)
	}
	literal, err := UnescapeSegment([]byte(raw))
	return patternSegment{literal: literal}, err
}

func isBlank(c rune) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// compileParams compiles the regular expressions, in the order of their names.
func (c *compiler) compileParams() {
	exprs := c.rule.route.Params
	for _, name := range slices.Sorted(maps.Keys(exprs)) {
		expr := exprs[name]
		at := indexParam(c.rule.params, name)
		if at < 0 {
			c.failf("params", "%q is not in the path as {%s}", name, name)
			continue
		}
		// Alone first: "a)|(b" would pass once wrapped, and not be anchored.
		if _, err := regexp.Compile(expr); err != nil {
			c.failf("params", "%s = %q: %v", name, expr, err)
			continue
		}
		if expr == "" {
			c.failf("params", "%s is empty and would match nothing: leave it out for the default rule", name)
			continue
		}
		whole, err := regexp.Compile(`\A(?:` + expr + `)\z`)
		if err != nil {
			c.failf("params", "%s = %q: %v", name, expr, err)
			continue
		}
		c.rule.params[at].regex, c.rule.params[at].source = whole, expr
	}
}

func (c *compiler) compileTemplates() {
	r := c.rule
	fixed := make([]string, 0, len(r.route.Channels))
	for _, text := range r.route.Channels {
		tm, err := parseTemplate(text, r.params, r.route.Open)
		if err != nil {
			c.failf("channels", "%v", err)
			continue
		}
		r.templates = append(r.templates, tm)
		if tm.fixed != "" && !slices.Contains(fixed, tm.fixed) {
			fixed = append(fixed, tm.fixed)
		}
	}
	if !slices.ContainsFunc(r.templates, func(tm template) bool { return tm.fixed == "" }) {
		r.fixed = slices.Clip(fixed)
	}
}

// insert puts the rule into the tree of its host.
func (c *compiler) insert(t *Table) {
	n := c.root(t)
	for _, s := range c.pattern {
		n = n.child(s)
	}
	if n.rule != nil {
		c.failf("path", "the same as that of route %d (%q): the names of parameters make no difference", n.rule.index+1, n.rule.route.Path)
		c.errs[len(c.errs)-1].(*ConfigError).Same = n.rule.index + 1
		return
	}
	n.rule = c.rule
}

// root returns the tree of the rule's host, new if need be.
func (c *compiler) root(t *Table) *node {
	switch {
	case c.hostKey == "":
		if t.rest == nil {
			t.rest = &node{}
		}
		return t.rest
	case c.wild:
		return getNode(t.wild, c.hostKey)
	default:
		return getNode(t.exact, c.hostKey)
	}
}

func (n *node) child(s patternSegment) *node {
	if s.param != "" {
		if n.param == nil {
			n.param = &node{}
		}
		return n.param
	}
	if n.literals == nil {
		n.literals = map[string]*node{}
	}
	return getNode(n.literals, s.literal)
}

func getNode(m map[string]*node, key string) *node {
	n := m[key]
	if n == nil {
		n = &node{}
		m[key] = n
	}
	return n
}
