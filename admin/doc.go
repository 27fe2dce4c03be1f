// Package admin is for who operates the proxy: metrics in Prometheus' text format, and
// a page. It reads Stats and is told what they cannot say; it changes nothing: to
// publish, the page asks the internal listener as apps do.
package admin
