package httptransport

import (
	"net/http"
	"strings"
)

// sentByBrowser tells whether a web page made a browser send r. No page has any
// business with the port of the members, but a browser in their network can
// reach it, under a name of the page's owner too. Browsers say what they are in
// headers that a page cannot set: where the page is from in all but plain GETs,
// and their name in everything. No member sends any of these.
func sentByBrowser(r *http.Request) bool {
	h := r.Header
	return h.Get("Origin") != "" || h.Get("Sec-Fetch-Site") != "" || h.Get("Sec-Fetch-Mode") != "" ||
		strings.HasPrefix(h.Get("User-Agent"), "Mozilla/")
}
