package waiting

import (
	"context"
	"fmt"
	"log/slog"

	"bankconnector/connector/flow/fate"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
)

// Strays tells people, once in the life of the process for each folder, of documents that the office left for no bank of
// the configuration. They stay where they are. A folder that was emptied is told again when something lies there again.
func (w *Watch) Strays(ctx context.Context, list []spool.Stray) error {
	m := w.Memory
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.strays
	m.strays = make(map[string]bool, len(list))
	for _, s := range list {
		if known[s.Folder] {
			m.strays[s.Folder] = true
			continue
		}
		reason := fmt.Sprintf("%d files lie in the office's inbox for %q, which is no bank of the configuration: nobody takes them; describe the bank, or let the office move them", s.Files, s.Folder)
		err := fate.Write(ctx, w.Book, "", "alarm", func(tx *journal.Tx) error {
			return tx.Note("alarm.office.unknown", "", 0, Alarm{Reason: reason, Name: s.Folder})
		})
		if err != nil {
			return err
		}
		m.strays[s.Folder] = true
		w.Log.ErrorContext(ctx, "documents for no bank", slog.String("folder", s.Folder), slog.Int("files", s.Files), slog.String("reason", reason))
	}
	return nil
}
