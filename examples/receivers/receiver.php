<?php

// A receiver of webhooks in PHP 8, with nothing installed:
//
//   WEBHOOK_SECRET=whsec_… php -S 127.0.0.1:9001 receiver.php

declare(strict_types=1);

const TOLERANCE = 5 * 60; // seconds that a clock may be wrong by
const MAX_BODY = 1 << 20;

/**
 * Says why a webhook is not by who knows the secret; '' if it is. The body is the bytes
 * that came in: what JSON makes of them may be written differently.
 */
function verify(string $key, string $id, string $timestamp, string $signatures, string $body): string
{
    if ($id === '' || !preg_match('/\A\d{1,12}\z/', $timestamp) || $signatures === '') {
        return 'a header is missing: webhook-id, webhook-timestamp, webhook-signature';
    }
    if (abs(time() - (int) $timestamp) > TOLERANCE) {
        return 'it was signed too long ago, or a clock is wrong';
    }
    $want = hash_hmac('sha256', "$id.$timestamp.$body", $key, true);
    foreach (explode(' ', $signatures) as $signature) { // while a secret is replaced there are two
        [$version, $text] = explode(',', $signature, 2) + ['', ''];
        $got = base64_decode($text, true);
        if ($version === 'v1' && $got !== false && hash_equals($want, $got)) {
            return '';
        }
    }
    return 'the signature is not by this secret';
}

/** Takes down that a message was had; false if it was before. In production it is a row with a unique column. */
function note(string $id): bool
{
    $folder = sys_get_temp_dir() . '/webhooks-had';
    if (!is_dir($folder)) {
        @mkdir($folder, 0700);
    }
    $file = @fopen($folder . '/' . hash('sha256', $id), 'x');
    return $file !== false;
}

function answer(int $status, string $text = ''): void
{
    http_response_code($status);
    header('Content-Type: text/plain; charset=utf-8');
    echo $text;
}

$secret = (string) getenv('WEBHOOK_SECRET');
$key = base64_decode(substr($secret, strlen('whsec_')), true);
$body = (string) file_get_contents('php://input', length: MAX_BODY + 1);
$id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
if (!str_starts_with($secret, 'whsec_') || !$key) {
    answer(500, "set WEBHOOK_SECRET to the endpoint's secret, whsec_…");
} elseif ($_SERVER['REQUEST_METHOD'] !== 'POST') {
    answer(405, 'webhooks are POSTs');
} elseif (strlen($body) > MAX_BODY) {
    answer(413, 'more than 1 MiB');
} elseif ($wrong = verify($key, $id, $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '', $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '', $body)) {
    answer(401, $wrong);
} else {
    if (note($id)) {
        file_put_contents('php://stdout', $id . ' ' . ($_SERVER['HTTP_WEBHOOK_EVENT_TYPE'] ?? '-') . " $body\n");
    }
    answer(204);
}
