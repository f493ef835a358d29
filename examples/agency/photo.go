package agency

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"
)

// Bounds of photos.
const (
	maxPhoto  = 1 << 20 // bytes
	maxPhotos = 500     // of those that come after it the oldest make room
)

// AddPhoto stores a JPEG or PNG image, of 1 MiB at most, and returns its id. An id
// that is given, a UUID, is kept.
func (a *Agency) AddPhoto(ctx context.Context, id string, image []byte) (string, error) {
	p := problems{}
	contentType := http.DetectContentType(image)
	p.must(contentType == "image/jpeg" || contentType == "image/png", "file", "is neither a JPEG nor a PNG image")
	p.must(len(image) <= maxPhoto, "file", "is larger than 1 MiB")
	if id == "" {
		id = uuid.NewString()
	} else if _, err := uuid.Parse(id); err != nil {
		p.add("access_key", "is no UUID")
	}
	if len(p) > 0 {
		return "", &InvalidError{"photo", p}
	}
	return id, a.within(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO photo (id, content_type, bytes) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, id, contentType, image); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM photo WHERE place <= (SELECT max(place) FROM photo) - $1`, maxPhotos)
		return err
	})
}

// photo returns an image and what it is.
func (a *Agency) photo(ctx context.Context, id string) (contentType string, image []byte, err error) {
	err = a.db.QueryRowContext(ctx, `SELECT content_type, bytes FROM photo WHERE id = $1`, id).Scan(&contentType, &image)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("photo %s: %w", id, ErrNotFound)
	}
	return contentType, image, err
}
