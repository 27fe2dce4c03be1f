package route

import "regexp"

// A Route is one entry of the table as configured. Exactly one of Channels and
// Backend is set.
type Route struct {
	// Host is the host this route is for, compared without case and port:
	// "app.example.com", "*.example.com" (one label or more in place of the
	// star, not example.com itself) or an IPv6 address with or without
	// brackets. Empty: every host.
	Host string

	// Path is the pattern, written as in a URL: "/events/{room}". Literal
	// segments may be percent-encoded and are compared decoded; {name} takes
	// one whole segment. No "/" at the end, except for "/" itself.
	Path string

	// Channels makes the route native and matching whole paths. Each entry is
	// the template of a channel name, "room:{room}".
	Channels []string

	// Backend makes the route match every path that Path is a prefix of, at a
	// border of segments. The name means nothing to this package.
	Backend string

	// Params gives, for parameters of a native route, the regular expression
	// (RE2) that a whole value must match. It replaces the default rule that
	// forbids : / , ; * $ " < > and white space.
	Params map[string]string

	// Open permits templates that begin with a parameter. Whoever can reach
	// such a route can read every channel.
	Open bool

	// Value is the caller's own; it is returned with each match.
	Value any
}

// native reports whether the route names channels, rather than a backend.
func (r *Route) native() bool { return r.Backend == "" }

// A Match is the route that a target takes.
type Match struct {
	// Route is the table's own copy, the same pointer for each match of the
	// route. Read only.
	Route *Route

	// Channels are the names a native route stands for here, valid by
	// [ValidChannel], each once, in the order of the templates. Read only: a
	// route without parameters returns the same slice each time. Nil for a
	// backend.
	Channels []string
}

// Table finds routes. It does not change after NewTable and may be used by any
// number of goroutines.
type Table struct {
	exact map[string]*node // by canonical host
	wild  map[string]*node // by what follows the star: ".example.com"
	rest  *node            // routes without a host
}

// node is a place in the tree of patterns; its depth is the number of segments
// before it. Every pattern has exactly one path through the tree, so a search
// visits a node at most once, however the branches are mixed.
type node struct {
	literals map[string]*node // by decoded segment
	param    *node            // {name}, whatever the name
	rule     *rule            // the pattern that ends here, or nil
}

// rule is a route made ready for matching.
type rule struct {
	index     int // in NewTable's argument
	route     Route
	params    []param // in the order of the path
	templates []template
	fixed     []string // all names, if no template has a parameter
}

// param is one {name} of a path.
type param struct {
	name    string
	segment int            // its place in the path, from 0
	regex   *regexp.Regexp // nil: the default rule
	source  string         // of regex, as configured
}
