/** `node --import telaio/register`: lets the main thread, too, receive closures of the modules it loads. */
import { installModuleHooks } from './hooks.ts';

installModuleHooks();
