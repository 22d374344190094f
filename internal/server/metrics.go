package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/internal/node"
)

// metrics are the server's own; names and rules are in docs/metrics.md.
type metrics struct {
	proposals        [verdicts]prometheus.Counter
	leaderChanges    prometheus.Counter
	applyEntries     prometheus.Histogram
	snapshotSave     prometheus.Histogram
	snapshotFailures prometheus.Counter
	parted           prometheus.Counter
	blocked          prometheus.Counter
	overtaken        prometheus.Counter
	refusal          prometheus.Histogram
	syncs            *prometheus.CounterVec
	durableLost      prometheus.Counter
	spared           prometheus.Counter
	timings          *Timings
}

const namespace = "pontoon"

func newMetrics(s *Server, r prometheus.Registerer) *metrics {
	proposals := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "proposals_total",
		Help: "Proposals taken by this member, by result: applied, refused or unknown.",
	}, []string{"result"})
	m := &metrics{
		leaderChanges: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "raft_leader_changes_total",
			Help: "Leaders that this member has seen go.",
		}),
		applyEntries: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "apply_batch_entries",
			Help:    "Entries in one batch for the state machine.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 8),
		}),
		snapshotSave: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "snapshot_save_duration_seconds",
			Help:    "Time to save a snapshot of this member's own state.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 8),
		}),
		parted: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "state_parted_total",
			Help: "How often the state machine of this member had another state than a majority of the voters.",
		}),
		snapshotFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "snapshot_failures_total",
			Help: "Snapshots of this member's own state that could not be saved.",
		}),
		blocked: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "queries_blocked_total",
			Help: "Queries that were kept from the state machine because they had hung in it or ended it.",
		}),
		overtaken: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "snapshot_sends_overtaken_total",
			Help: "Snapshots on their way to a follower, or to the next state machine, that were given up because they held back too much of the log.",
		}),
		syncs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "state_machine_syncs_total",
			Help: "Syncs that the state machine was asked for, by result: done or failed.",
		}, []string{"result"}),
		spared: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "state_machine_spared_total",
			Help: "Calls over which the state machine would have been ended if it had not been busy.",
		}),
		durableLost: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "state_machine_lost_durable_total",
			Help: "Starts of the state machine that found less than it had called durable before.",
		}),
		refusal: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "refusal_duration_seconds",
			Help:    "Time from when a proposal on a stream was read until its refusal for want of room was given to the connection.",
			Buckets: refusalBuckets(),
		}),
		timings: s.cfg.Timings,
	}
	m.timings.trips.gone = s.isGone
	for o := range verdicts {
		m.proposals[o] = proposals.WithLabelValues(o.String())
	}
	if r != nil {
		r.MustRegister(m.timings.all...)
		r.MustRegister(m.syncs, m.durableLost, m.spared, m.refusal, m.overtaken, proposals, m.leaderChanges, m.applyEntries, m.snapshotSave, m.snapshotFailures, m.parted, m.blocked)
		r.MustRegister(s.gauges()...)
		r.MustRegister(auditMetrics(s.cfg.Audit)...)
	}
	return m
}

// gauges read the present state when they are scraped.
func (s *Server) gauges() []prometheus.Collector {
	gauge := func(name, help string, value func(Status) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help},
			func() float64 { return value(s.Status()) })
	}
	truth := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	return []prometheus.Collector{
		gauge("raft_has_leader", "1 if this member knows a leader.", func(st Status) float64 { return truth(st.Leader != 0) }),
		gauge("raft_is_leader", "1 if this member is the leader.", func(st Status) float64 { return truth(st.Role == "leader") }),
		gauge("raft_term", "The current term.", func(st Status) float64 { return float64(st.Term) }),
		gauge("raft_last_index", "Index of the last entry in the log.", func(st Status) float64 { return float64(st.LastIndex) }),
		gauge("raft_commit_index", "Index of the last entry known to be committed.", func(st Status) float64 { return float64(st.Commit) }),
		gauge("raft_applied_index", "Index of the last applied entry.", func(st Status) float64 { return float64(st.Applied) }),
		gauge("durable_index", "Index up to which the state on the state machine's disk survives a loss of power; 0 if it says none.", func(st Status) float64 {
			if st.Durable == nil {
				return 0
			}
			return float64(*st.Durable)
		}),
		gauge("raft_snapshot_index", "Index of the newest snapshot.", func(st Status) float64 { return float64(st.SnapshotIndex) }),
		gauge("oldest_uncommitted_seconds", "Age of the oldest entry that is not known to be committed, here or at the leader.", func(st Status) float64 { return st.Uncommitted.Seconds() }),
		gauge("raft_tick_age_seconds", "How long ago raft's clock advanced.", func(st Status) float64 { return st.TickAge.Seconds() }),
		gauge("feature_level", "The feature level of the cluster.", func(st Status) float64 { return float64(st.Level) }),
		gauge("feature_level_understood", "The highest feature level that this member understands.", func(st Status) float64 { return float64(st.LevelUnderstood) }),
		gauge("command_version", "The version by which the state machines of the cluster apply commands.", func(st Status) float64 { return float64(st.CommandVersion) }),
		gauge("command_version_greatest", "The greatest version of commands that the state machine of this member applies.", func(st Status) float64 {
			if st.CommandVersions == nil {
				return 0
			}
			return float64(st.CommandVersions.Greatest)
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "state_checked_index",
			Help: "Index of the last check at which the state machine of this member had the state of a majority of the voters; 0 if there was none.",
		}, func() float64 { return float64(s.checked.Load()) }),
		gauge("quarantined_index", "Index of the entry over which, or after which, this member is quarantined; 0 if it is not.", func(st Status) float64 {
			if st.Quarantine == nil {
				return 0
			}
			return float64(st.Quarantine.Index)
		}),
		gauge("quarantine_tries", "How often in a row that entry has ended the state machine; 0 if this member is not quarantined.", func(st Status) float64 {
			if st.Quarantine == nil {
				return 0
			}
			return float64(st.Quarantine.Tries)
		}),
		gauge("short_of_space", "1 if the storage of this member is short of space.", func(st Status) float64 {
			return truth(shortOfSpace(st.Plugins))
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "snapshot_held_bytes",
			Help: "Bytes of the log that a snapshot on its way to a follower holds back.",
		}, func() float64 { _, bytes := s.snapshots.heldMost(); return float64(bytes) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "apply_queue_bytes",
			Help: "Memory of committed entries that wait for the state machine.",
		}, func() float64 { bytes, _ := s.queue.waiting(); return float64(bytes) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "apply_queue_in_log_entries",
			Help: "Committed entries that wait for the state machine in the log alone.",
		}, func() float64 { _, inLog := s.queue.waiting(); return float64(inLog) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "proposals_pending", Help: "Proposals that were admitted and whose outcome is not known yet.",
		}, func() float64 { return float64(s.admitted()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "append_oldest_seconds", Help: "Age of the oldest append that the storage has and has not acknowledged; 0 if there is none.",
		}, func() float64 { oldest, _ := s.appends(); return oldest.Seconds() }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "append_inflight_bytes", Help: "Bytes of the entries that the storage has and has not acknowledged.",
		}, func() float64 { _, bytes := s.appends(); return float64(bytes) }),
		s.nodeCounter("peer_messages_dropped_total", "Messages of peers that were dropped because the raft goroutine was behind.", (*node.Node).Dropped),
		s.nodeCounter("forwarded_proposals_refused_total", "Proposals that other members have forwarded here, and that this member has refused.", (*node.Node).RefusedProposals),
		s.nodeCounter("moved_stamps_total", "Entries that this member, as the leader, has stamped with another time than its clock showed: it was too far from those of a majority.", (*node.Node).MovedStamps),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: namespace, Name: "log_dropped_total", Help: "Log lines that were dropped because the log was not read.",
		}, func() float64 { return float64(s.log().Dropped()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "log_stuck_seconds", Help: "Age of the oldest log line that is not written yet; 0 if all are.",
		}, func() float64 { return s.log().Stuck().Seconds() }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: namespace, Name: "client_connections_refused_total", Help: "Client connections that were closed at once because there were too many.",
		}, func() float64 {
			if s.cfg.RefusedConnections == nil {
				return 0
			}
			return float64(s.cfg.RefusedConnections())
		}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: namespace, Name: "host_late_seconds_total", Help: "Time in which the host waited for a plugin's answer and did not run itself.",
		}, func() float64 {
			if s.cfg.Late == nil {
				return 0
			}
			return s.cfg.Late().Seconds()
		}),
		newPluginCollector(s.cfg.Plugins),
		newPeerCollector(s),
		unfitCollector{s},
		accessCollector{s.cfg.Access},
	}
}

// appends are those that the storage has and has not acknowledged.
func (s *Server) appends() (oldest time.Duration, bytes uint64) {
	if s.cfg.Appends == nil {
		return 0, 0
	}
	return s.cfg.Appends()
}

// nodeCounter counts for the raft node that is there; another one begins at 0.
func (s *Server) nodeCounter(name, help string, count func(*node.Node) uint64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, func() float64 {
		n, _ := s.attached()
		if n == nil {
			return 0
		}
		return float64(count(n))
	})
}

// pluginCollector reports the state of plugins.
type pluginCollector struct {
	plugins              func() []PluginStatus
	up, restarts, missed *prometheus.Desc
	busy, held           *prometheus.Desc
	recorded, gaps       *prometheus.Desc
}

func newPluginCollector(plugins func() []PluginStatus) *pluginCollector {
	labels := []string{"kind", "name"}
	return &pluginCollector{
		plugins:  plugins,
		up:       prometheus.NewDesc(namespace+"_plugin_up", "1 if the plugin is ready.", labels, nil),
		restarts: prometheus.NewDesc(namespace+"_plugin_restarts_total", "Restarts of the plugin since the host started.", labels, nil),
		missed:   prometheus.NewDesc(namespace+"_plugin_probes_missed_total", "Probes that the plugin did not answer in time since the host started.", labels, nil),
		held:     prometheus.NewDesc(namespace+"_plugin_held_seconds_total", "Time in which the host took nothing from the plugin, which had told too much, since the host started.", labels, nil),
		recorded: prometheus.NewDesc(namespace+"_plugin_record_bytes_total", "Bytes of the plugin's record that were written since the host started.", labels, nil),
		gaps:     prometheus.NewDesc(namespace+"_plugin_record_gaps_total", "How often something was left out of the plugin's record since the host started.", labels, nil),
		busy:     prometheus.NewDesc(namespace+"_plugin_busy", "1 if the plugin says that it is at long work.", labels, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *pluginCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.up
	ch <- c.restarts
	ch <- c.missed
	ch <- c.held
	ch <- c.busy
	ch <- c.recorded
	ch <- c.gaps
}

// Collect implements prometheus.Collector.
func (c *pluginCollector) Collect(ch chan<- prometheus.Metric) {
	seen := map[[2]string]bool{}
	for _, p := range c.plugins() {
		// Two external transports may have one name until they have said their
		// own. A name twice would spoil all metrics.
		if seen[[2]string{p.Kind, p.Name}] {
			continue
		}
		seen[[2]string{p.Kind, p.Name}] = true
		up := 0.0
		if p.State == "ready" {
			up = 1
		}
		ch <- prometheus.MustNewConstMetric(c.up, prometheus.GaugeValue, up, p.Kind, p.Name)
		ch <- prometheus.MustNewConstMetric(c.restarts, prometheus.CounterValue, float64(p.Restarts), p.Kind, p.Name)
		busy := 0.0
		if p.Work != nil {
			busy = 1
		}
		ch <- prometheus.MustNewConstMetric(c.busy, prometheus.GaugeValue, busy, p.Kind, p.Name)
		ch <- prometheus.MustNewConstMetric(c.missed, prometheus.CounterValue, float64(p.Missed), p.Kind, p.Name)
		ch <- prometheus.MustNewConstMetric(c.held, prometheus.CounterValue, p.Held.Seconds(), p.Kind, p.Name)
		if r := p.Record; r != nil {
			ch <- prometheus.MustNewConstMetric(c.recorded, prometheus.CounterValue, float64(r.Bytes), p.Kind, p.Name)
			ch <- prometheus.MustNewConstMetric(c.gaps, prometheus.CounterValue, float64(r.Gaps), p.Kind, p.Name)
		}
	}
}
