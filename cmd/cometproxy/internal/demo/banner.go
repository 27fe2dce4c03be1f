package demo

import (
	"fmt"
	"strings"
)

// Banner returns what the demo prints when it is up. The URLs are those of the
// two listeners, such as http://127.0.0.1:8000 and http://127.0.0.1:5561.
func Banner(publicURL, internalURL string) string {
	return fmt.Sprintf(`
  cometproxy demo: a status wall

  Open it in two windows and post something:

      %[1]s/

  Or from a terminal. This waits until there is news, 25 seconds at most:

      curl -i '%[1]s/events/%[3]s'

  And this, in a second terminal, publishes:

      curl -H 'Content-Type: application/json' -d '{"name":"curl","text":"hello"}' '%[2]s/channels/%[3]s'

  Ctrl-C stops the demo; the statuses are gone then.

`, strings.TrimRight(publicURL, "/"), strings.TrimRight(internalURL, "/"), channel)
}
