<?php
$base = getenv('COMETPROXY') ?: 'http://127.0.0.1:5561';  // its internal listener
if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    $answer = ['headers' => ['Content-Type' => 'text/plain'], 'body' => file_get_contents('php://input')];
    $items = ['items' => [['channel' => 'news', 'formats' => ['http-response' => $answer]]]];
    $context = stream_context_create(['http' => ['method' => 'POST', 'timeout' => 2,
        'header' => 'Content-Type: application/json', 'content' => json_encode($items, JSON_THROW_ON_ERROR)]]);
    $sent = @file_get_contents("$base/publish/", false, $context) !== false;
    http_response_code($sent ? 200 : 502);
    echo $sent ? "sent\n" : "not sent\n";
} else {
    header('Grip-Hold: response');
    header('Grip-Channel: news');
    header('Grip-Timeout: 25');  // seconds
    http_response_code(204);  // when they are over: nothing new
}
