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

  What the proxy does meanwhile, for who operates it:

      %[2]s/

  Ctrl-C stops the demo; the statuses are gone then.

`, strings.TrimRight(publicURL, "/"), strings.TrimRight(internalURL, "/"), channel)
}

// GripBanner is the same for "demo -grip".
func GripBanner(publicURL, internalURL string) string {
	return fmt.Sprintf(`
  cometproxy demo: a status wall whose app decides who hears what (GRIP)

  Open it twice, the second time in a private window or another browser, so that
  you can sign in as two people. Post to everybody, or to one of them:

      %[1]s/

  From a terminal. A stranger is turned away by the app, and nothing is held:

      curl -i '%[1]s/updates'

  Who signs in may wait, 25 seconds at most; wall.cookies keeps the session:

      curl -c wall.cookies -d name=curl '%[1]s/signin'
      curl -b wall.cookies -i '%[1]s/updates'

  The app publishes with requests like this, one more for all who are signed in:

      curl -d '{"items":[{"channel":"%[3]s","formats":{"http-response":{"body":"{\"text\":\"hello\"}"}}}]}' '%[2]s/publish/'

  Ctrl-C stops the demo; the statuses are gone then.

`, strings.TrimRight(publicURL, "/"), strings.TrimRight(internalURL, "/"), channel)
}
