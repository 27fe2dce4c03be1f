<?php
function publish(string $channel, mixed $message): void  // after the commit
{
    $base = getenv('COMETPROXY') ?: 'http://127.0.0.1:5561';  // its internal listener
    $context = stream_context_create(['http' => ['method' => 'POST', 'timeout' => 2,
        'header' => 'Content-Type: application/json', 'content' => json_encode($message, JSON_THROW_ON_ERROR)]]);
    if (@file_get_contents("$base/channels/" . rawurlencode($channel), false, $context) === false) {
        // What is committed stays committed; pages see it when they refetch.
        error_log("publish to $channel failed: " . error_get_last()['message']);
    }
}
