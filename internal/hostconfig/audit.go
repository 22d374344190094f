package hostconfig

// Audit says of which requests of clients the host keeps a record, and how.
type Audit struct {
	// Level is off, changes, writes or all: each records what those before it
	// record.
	Level string
	// Dir is where the files are; empty means the folder "audit" in the data
	// directory.
	Dir string
	// MaxFileBytes is how long a file grows, MaxFiles how many are kept.
	MaxFileBytes uint64
	MaxFiles     int
	// Sync is each, interval or none: when records are made durable.
	Sync string
	// OnFull is drop or refuse: what becomes of a request that cannot be recorded.
	OnFull string
	// KeyFile holds the key of the sums; empty means that there is none.
	KeyFile string
}

// Bounds of the files of the audit. Package audit has the same, to which a
// test of cmd/host holds them.
const (
	minAuditFile  = 64 << 10
	maxAuditFile  = 1 << 30
	minAuditFiles = 2
	maxAuditFiles = 10_000
)

func (c *Config) checkAudit(ps *problems) {
	checkSize(ps, "audit.max_file_bytes", c.Audit.MaxFileBytes, minAuditFile, maxAuditFile)
	if n := c.Audit.MaxFiles; n < minAuditFiles || n > maxAuditFiles {
		ps.about("audit.max_files", "is %d; it must be from %d to %d", n, minAuditFiles, maxAuditFiles)
	}
}
