// Package demo is the web app that "cometproxy demo" puts behind the proxy: a
// wall of short statuses that every open browser window sees at once.
//
// It is deliberately the plainest app there is. It works on one request at a
// time and knows nothing of waiting clients: it stores a status, then tells the
// proxy with one HTTP POST. The browsers wait at the proxy, so thousands of them
// cost this app nothing.
//
// There are two of it. To App's wall everybody may listen: a route of the proxy
// says so, and polls do not reach the app. GripApp's has people who sign in, and
// statuses for some of them only: each poll asks the app, and the app's answer
// tells the proxy to hold it, and on which channels (GRIP).
package demo
