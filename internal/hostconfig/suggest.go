package hostconfig

import "strings"

// suggest returns the candidate most like name, or "" if none is like it.
func suggest(name string, candidates []string) string {
	name = strings.ToLower(name)
	best, distance := "", 1+max(1, len(name)/3)
	for _, c := range candidates {
		if d := editDistance(name, c); d < distance {
			best, distance = c, d
		}
	}
	return best
}

// editDistance counts the letters to insert, delete, replace, or swap with a
// neighbour to make a of b. Long names are unlike everything.
func editDistance(a, b string) int {
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return longest
	}
	rows := [3][longest + 1]int{} // the row before the last, the last, this one
	for j := range len(b) + 1 {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		rows[2][0] = i
		for j := 1; j <= len(b); j++ {
			replace := rows[1][j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			d := min(replace, rows[1][j]+1, rows[2][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[0][j-2]+1)
			}
			rows[2][j] = d
		}
		rows[0], rows[1] = rows[1], rows[2]
	}
	return rows[1][len(b)]
}

// didYouMean is the end of a sentence about an unknown name.
func didYouMean(suggestion string) string {
	if suggestion == "" {
		return ""
	}
	return ` (did you mean "` + suggestion + `"?)`
}
