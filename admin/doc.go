// Package admin is for who operates the proxy: metrics in Prometheus' text format.
// It reads Stats and is told what they cannot say; it changes nothing.
package admin
