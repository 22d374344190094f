package bench

import (
	"fmt"
	"math"
	"strconv"
)

// A Row is one measurement of both plugins.
type Row struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Plugin and Shipped are the geometric means over the rounds.
	Plugin  float64 `json:"plugin"`
	Shipped float64 `json:"shipped"`
	// Ratio is the geometric mean over the rounds of the plugin's rate divided by the shipped
	// one's, and RatioError its standard error, as a part of the ratio: 0.02 is 2 %.
	Ratio      float64 `json:"ratio"`
	RatioError float64 `json:"ratio_error"`
}

// rates are what one round has measured of both plugins.
type rates struct{ plugin, shipped float64 }

// newRow sums up the rounds of a measurement; each rate is above 0.
func newRow(name, unit string, rounds []rates) Row {
	var plugin, shipped, ratios []float64
	for _, r := range rounds {
		p, s := math.Log(r.plugin), math.Log(r.shipped)
		plugin, shipped, ratios = append(plugin, p), append(shipped, s), append(ratios, p-s)
	}
	ratio, spread := mean(ratios)
	p, _ := mean(plugin)
	s, _ := mean(shipped)
	return Row{Name: name, Unit: unit, Plugin: math.Exp(p), Shipped: math.Exp(s), Ratio: math.Exp(ratio), RatioError: math.Expm1(spread)}
}

// mean is the arithmetic mean of values and its standard error, which is 0 of a single one.
func mean(values []float64) (m, standardError float64) {
	n := float64(len(values))
	for _, v := range values {
		m += v / n
	}
	if len(values) < 2 {
		return m, 0
	}
	squares := 0.0
	for _, v := range values {
		squares += (v - m) * (v - m)
	}
	return m, math.Sqrt(squares / (n - 1) / n)
}

// Sentence says a row of a report in words.
func (r Row) Sentence(of *Report) string {
	return fmt.Sprintf("%s %s of %s, %s of the shipped %s: %s times as many", Figure(r.Plugin), r.Unit, of.Plugin.Name,
		Figure(r.Shipped), of.Shipped.Name, r.RatioText())
}

// RatioText is the ratio with its standard error.
func (r Row) RatioText() string { return fmt.Sprintf("%.3g ±%.1f %%", r.Ratio, 100*r.RatioError) }

// Figure is a rate with three digits that count.
func Figure(rate float64) string {
	if rate >= 100 {
		return strconv.FormatFloat(math.Round(rate), 'f', -1, 64)
	}
	return strconv.FormatFloat(rate, 'g', 3, 64)
}
