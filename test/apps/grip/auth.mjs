// Publishes to the channel "auth" once with each configuration of the list in
// its argument, JSON, and prints what came of each, a line of JSON.
import {Publisher} from '@fanoutio/grip';

for (const config of JSON.parse(process.argv[2])) {
  try {
    await new Publisher(config).publishHttpResponse('auth', 'hello\n');
    console.log('"published"');
  } catch (error) {
    console.log(JSON.stringify({status: error.context?.statusCode, message: error.message}));
  }
}
