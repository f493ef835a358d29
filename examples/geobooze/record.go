package geobooze

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"mime/multipart"
	"net/http"
	"path"
	"time"
)

var client = &http.Client{Timeout: 10 * time.Second}

// record files a record as a browser does, by the page at that address, and returns its
// id. A photo is one of a glass, more or less.
func record(ctx context.Context, at string, values map[string]string) (string, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := form.WriteField("by", drinkers[0].ID); err != nil {
		return "", err
	}
	for key, value := range values {
		if key != KeyPhoto {
			if err := form.WriteField("value-"+key, value); err != nil {
				return "", err
			}
			continue
		}
		file, err := form.CreateFormFile("value-"+key, "photo.png")
		if err != nil {
			return "", err
		}
		if err := png.Encode(file, glass()); err != nil {
			return "", err
		}
	}
	if err := form.Close(); err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at+"/forms/"+Form, &body)
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	resp, err := client.Do(req) // it follows to the record
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if dir, id := path.Split(resp.Request.URL.Path); resp.StatusCode == http.StatusOK && dir == "/records/" {
		return id, nil
	}
	return "", fmt.Errorf("the form answers %s", resp.Status)
}

// glass is a picture of one, two thirds full.
func glass() image.Image {
	img := image.NewRGBA(image.Rect(0, 0, 40, 60))
	for y := range 60 {
		for x := 10; x < 30; x++ {
			switch {
			case x == 10 || x == 29 || y == 59:
				img.Set(x, y, color.Gray{Y: 90})
			case y > 20:
				img.Set(x, y, color.RGBA{R: 200, G: 130, B: 30, A: 255})
			}
		}
	}
	return img
}
