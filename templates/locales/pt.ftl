# The words of the pages in Portuguese.

language-tag = pt
direction = ltr

## Dates and durations

date = { $day } de { $month ->
    [1] janeiro
    [2] fevereiro
    [3] março
    [4] abril
    [5] maio
    [6] junho
    [7] julho
    [8] agosto
    [9] setembro
    [10] outubro
    [11] novembro
   *[12] dezembro
} de { $year }
date-time = { $date }, { $time } UTC
duration-minutes = { $count ->
    [one] { $count } minuto
   *[other] { $count } minutos
}
duration-hours = { $count ->
    [one] { $count } hora
   *[other] { $count } horas
}
duration-days = { $count ->
    [one] { $count } dia
   *[other] { $count } dias
}

## On every page

account-link = Aplicações conectadas
support-link = Ajuda
privacy-link = Privacidade
return-to = Voltar a { $place }
return-to-app = Voltar à aplicação
sign-in-with = Entrar com { $upstream }

## The consent page

lead-web = { $place } quer usar { $resource } em seu nome
lead-document = Uma aplicação de { $document } quer usar { $resource } em seu nome
lead-loopback = Uma aplicação neste computador quer usar { $resource } em seu nome
lead-private-scheme = Uma aplicação neste dispositivo quer usar { $resource } em seu nome
lead-vouched = { $name } quer usar { $resource } em seu nome

# Claims of the app.
claim-vouched = Aplicação adicionada por quem administra este serviço.
claim-documented = Esse site dá a esta aplicação o nome “{ $name }”.
claim-documented-unnamed = Esse site descreve esta aplicação sem lhe dar um nome.
claim-says-document = A aplicação diz que se chama “{ $name }” e que foi feita por { $document }. Ninguém verificou isso.
claim-says-document-unnamed = A aplicação diz que foi feita por { $document }. Ninguém verificou isso.
claim-unchecked = A aplicação diz que se chama “{ $name }”. Ninguém verificou isso.
claim-unnamed = A aplicação não diz como se chama, e ninguém verificou quem a fez.
claim-withheld = A aplicação indica um nome que não pode ser mostrado aqui.

doubt-claims-approval = O nome dá a entender que houve uma aprovação. Ninguém aprovou nem verificou esta aplicação.
doubt-instructs = O nome tenta dizer a você o que fazer. Um nome honesto não faz isso.
doubt-confusable = O nome usa letras que imitam outras.
doubt-unreadable = O nome contém caracteres que podem enganar.
doubt-well-known-web = “{ $name }” é um nome que já conhece. { $place } não é o site a que esse nome pertence: provavelmente não é a aplicação que imagina.
doubt-well-known-scheme = “{ $name }” é um nome que já conhece. A aplicação com esse nome não abre ligações { $place }: provavelmente não é a que imagina.
doubt-address = O nome contém um endereço. Não é para lá que vai o acesso.

danger-elsewhere = O acesso vai para { $place }. Esse endereço não é { $document }, o site que descreve esta aplicação.
danger-confusable = { $place } escreve-se com letras que imitam outro endereço.

question-web = Acabou de vir de { $place }? Se não, recuse.
question-loopback = Foi você quem começou agora a conectar uma aplicação neste computador? Se não, recuse: não conseguimos ver que aplicação faz o pedido.
question-private-scheme = Foi você quem começou agora a conectar uma aplicação neste dispositivo? Se não, recuse: não conseguimos ver que aplicação faz o pedido.
question-vouched = Acabou de começar a conectar { $name }? Se não, recuse.

what-heading = O que a aplicação poderá fazer
what-everything = Tudo o que você pode fazer lá: a aplicação não indicou limites
upstream-tokens = { $resource } recebe uma chave da sua conta em { $upstream } (um token de acesso) e pode agir lá em seu nome.
group-reading = Só ver
group-changing = Fazer alterações
new-scope = novo
tools = { $count ->
    [one] dá acesso a { $count } ferramenta
   *[other] dá acesso a { $count } ferramentas
}
choice-hint = Desmarque o que não quiser permitir. Nesse caso, a aplicação pode não conseguir fazer tudo o que oferece.
presets = Marcar { $read_only } ou { $everything }.
preset-read-only = só ver
preset-everything = tudo

as-known = Como <strong>{ $person }</strong>, com a sua conta { $upstream }
not-you = Usar outra conta
next-sign-in = A seguir: inicie sessão com { $upstream }. É lá que escolhe a conta.
next-known = A seguir: { $upstream } confirma a sua identidade.
how-long = O acesso termina após { $lifetime }, ou quando for removido em { $apps }.
policy-linked = Ao continuar, você aceita também a política de { $issuer }: { $policy }.
policy-plain = Ao continuar, você aceita também a política de { $issuer }, versão { $version }.
policy-version = versão { $version }

answer-heading = Quer permitir este acesso?
deny = Recusar
approve = Permitir
closing-fresh = Na dúvida, recuse ou feche esta página: nada acontece sem a sua permissão.
closing-approved = Não queria permitir? Recuse agora.

notice-changed = <strong>Verifique de novo, por favor.</strong> Algo nesta aplicação mudou depois que esta página apareceu. Nada foi decidido ainda.
notice-policy = <strong>A política mudou</strong> desde que permitiu esta aplicação. O que permitiu continua válido; leia o que há de novo antes de responder.
notice-approved = <strong>Você já permitiu, mas ainda não iniciou sessão.</strong> Abaixo está o que escolheu. Até iniciar sessão, pode mudar a resposta: vale a última.
notice-signing-in = <strong>Você já permitiu, e o início de sessão está quase concluído.</strong> Abaixo está o que escolheu. Ainda pode recusar; para permitir outra coisa, comece de novo a partir da aplicação.
notice-embedded = Esta página aparece dentro de outra aplicação, que poderia ler o que você escrever a seguir. Se puder, abra a página no seu próprio navegador.

details-heading = Detalhes
details-app = A aplicação
details-registered = Vista aqui pela primeira vez em
details-address = O acesso vai para este endereço
details-resource = Endereço de { $resource }
details-scopes = Nomes das permissões
details-deny = Se recusar
details-deny-text = Nada é transmitido. A aplicação só é informada de que você recusou, e de nada mais a seu respeito.

goes-to-web = O acesso vai para { $place }.
goes-to-loopback = O acesso vai para uma aplicação neste computador, em { $place }.
goes-to-private-scheme = O acesso vai para a aplicação deste dispositivo que abre links { $place }.

## The page with one button

one-click-before = Você já permitiu isto antes. { $goes }
one-click-button = Continuar como { $person }
one-click-full = Mostrar tudo ou recusar
one-click-closing = Na dúvida, feche esta página: nada acontece até que escolha continuar.

## After the login

signed-in-title = Sessão iniciada como { $person }. É você?
signed-in-account = A conta { $account } em { $upstream }.
signed-in-warning = Se esta conta não é sua, não continue: a aplicação agiria em nome de outra pessoa, e essa pessoa poderia ver o que você fizesse lá.
signed-in-what = O que está prestes a permitir
signed-in-notice-changed = <strong>Verifique de novo, por favor.</strong> Algo nesta aplicação mudou depois que esta página apareceu. Nada foi transmitido ainda.
signed-in-answer = É você?

## The page of a finished request

allowed-lead-web = Você permitiu que { $place } usasse { $resource } em seu nome
allowed-lead-document = Você permitiu que uma aplicação de { $document } usasse { $resource } em seu nome
allowed-lead-loopback = Você permitiu que uma aplicação neste computador usasse { $resource } em seu nome
allowed-lead-private-scheme = Você permitiu que uma aplicação neste dispositivo usasse { $resource } em seu nome
allowed-lead-vouched = Você permitiu que { $name } usasse { $resource } em seu nome
allowed-ended = <strong>Este acesso terminou.</strong> Você retirou a permissão, ou o prazo acabou. A aplicação já não pode fazer nada com ela.
allowed-too-late = <strong>Esta resposta chegou tarde demais.</strong> Você já tinha permitido, e a aplicação tem o acesso. Ele continua até que retire a permissão.
allowed-what = O que você permitiu em { $day }
allowed-back = Como retirar a permissão
allowed-nothing-left = Não há mais nada a retirar. O acesso termina imediatamente, ou em poucos minutos onde não é verificado a cada uso.
allowed-take-back = Isto acaba com tudo o que a aplicação pode fazer em seu nome em { $resource }: imediatamente, ou em poucos minutos onde o acesso não é verificado a cada uso.
allowed-take-back-button = Retirar a permissão
allowed-other-session = Neste navegador, não há sessão iniciada com a conta que usou para permitir. Inicie sessão com ela e remova o acesso em { $apps }.

## Connected apps

account-title = As suas aplicações conectadas
account-intro = Estas aplicações podem agir em seu nome. Se remover uma, ela não poderá fazer mais nada até que você a permita de novo.
account-person = Sessão iniciada como <strong>{ $person }</strong>, com a sua conta { $upstream }.
account-incomplete = Nem todas cabem nesta página. Quando remover algumas, aparecem as outras.
account-empty = Com esta conta, nenhuma aplicação tem acesso a nada aqui.
account-empty-hint = Esperava encontrar alguma? Talvez tenha usado outra conta { $upstream } quando a conectou.
account-just-removed = <strong>Acesso removido.</strong> Estas aplicações já não podem fazer nada:
app-vouched = { $name }
app-documented = Uma aplicação de { $document }
app-unknown = Uma aplicação
app-removed = Já não é conhecida aqui e, por isso, agora não pode fazer nada.
receiver-web = { $place }
receiver-loopback = Uma aplicação em um computador ({ $place })
receiver-private-scheme = Uma aplicação em um dispositivo ({ $place })
account-also = O acesso também foi para:
account-scopes = O que pode fazer em { $resource }
account-since = Acesso permitido em { $time }
account-last-used = Último uso em { $time }
account-unused = Sem uso recente
account-expires = Termina o mais tardar em { $time }
account-remove = Remover
account-all-heading = Todas
account-all-summary = Remover todas as aplicações…
account-all-text = Cada aplicação acima terá de pedir de novo a sua permissão antes de poder fazer alguma coisa.
account-all-button = Sim, remover todas
account-connection-heading = O que este serviço pode fazer por você em { $upstream }
account-connection-in-order = Este serviço pode usar a sua conta { $upstream } para fazer o que as suas aplicações lhe pedem. As aplicações nunca recebem esse acesso.
account-connection-since = Sessão iniciada em { $time }
account-connection-scopes = O que o acesso abrange, nas palavras de { $upstream }
account-connection-scopes-unknown = { $upstream } não o indicou
account-connection-end = Desconectar
account-connection-end-hint = As suas aplicações continuam permitidas, mas aquilo de que precisam em { $upstream } não funciona até que você inicie sessão lá de novo.
account-connection-sign-in = { $upstream } já não aceita este acesso, ou ele expirou. Uma aplicação que precise dele vai pedir que você inicie sessão de novo.
account-connection-ended = Desconectado em { $time }. Uma aplicação que precise deste acesso vai pedir que você inicie sessão de novo.
account-connection-just-ended = <strong>Desconectado.</strong> Este serviço já não pode fazer nada por você em { $upstream }. As suas aplicações continuam permitidas.
account-removed-heading = Removidas nos últimos 30 dias
account-removed-app = { $app }, em { $resource }
account-removed-hint = O acesso termina imediatamente, ou em poucos minutos onde não é verificado a cada uso. O que a aplicação obteve antes pode ter ficado guardado com ela.
account-session-heading = Esta página
account-session = Após 15 minutos sem uso, esta página encerra a sua sessão.
account-sign-out = Encerrar a sessão nesta página
sign-in-text = Aqui você vê que aplicações podem agir em seu nome e pode retirar essa permissão. Para mostrar as suas, e as de mais ninguém, temos de saber quem você é.
sign-in-state = Ainda não iniciou sessão nesta página.
sign-in-closing = Iniciar sessão aqui não dá nada a nenhuma aplicação. Só perguntamos a { $upstream } quem você é.

## The page at the service’s own address

home-title = Início de sessão e permissões
home-text = Este serviço pede a sua permissão antes que uma aplicação possa agir em seu nome. São as aplicações que trazem você até aqui; nesta página não há nada para começar.
home-account = Você pode ver o que permitiu, e retirar a permissão, em { $apps }.

## Errors

error-next-heading = O que você pode fazer
error-details-heading = Para quem administra este serviço
error-request-id = Número do pedido
error-reason = Motivo
error-details = Detalhes
error-retry = Abrir a pergunta de novo
error-account = Usou a conta <strong>{ $person }</strong> em { $upstream }.

start-again = Volte à aplicação que queria conectar e comece a conexão de novo a partir dela.
tell-the-maker = Volte à aplicação e tente mais uma vez. Se vier parar aqui de novo, a aplicação tem uma falha que só quem a fez pode corrigir: conte a essas pessoas o que esta página diz. Os detalhes abaixo vão ajudar.
tell-us = Tente de novo daqui a pouco. Se acontecer outra vez, avise quem administra este serviço e indique o número do pedido abaixo.
refused-app = A aplicação fez um pedido que não é possível aceitar

error-not-found =
    .title = Não há nada aqui
    .what = Este endereço não leva a nenhuma página.
    .next = Verifique o endereço ou volte à aplicação de onde veio.
error-method-not-allowed =
    .title = Isso não funciona aqui
    .what = Este endereço existe, mas não para este tipo de pedido.
    .next = { start-again }
error-too-many-requests =
    .title = Aguarde um momento
    .what = Foram feitos mais pedidos, por você ou por outras pessoas na sua rede, do que é possível atender em tão pouco tempo.
    .next = Aguarde um minuto e recarregue esta página. Se não ajudar, comece de novo a partir da aplicação.
error-at-capacity =
    .title = Tente de novo daqui a pouco
    .what = Há tanto movimento que este serviço não consegue responder agora.
    .next = Aguarde alguns segundos e recarregue esta página. Se não ajudar, comece de novo a partir da aplicação.
error-issuer-unknown =
    .title = Não há nada aqui
    .what = Nenhum serviço de início de sessão responde neste endereço.
    .next = Verifique o endereço ou volte à aplicação de onde veio.
error-parameter-repeated =
    .title = { refused-app }
    .what = O pedido da aplicação diz a mesma coisa mais de uma vez.
    .next = { tell-the-maker }
error-parameter-missing =
    .title = { refused-app }
    .what = Falta algo necessário no pedido da aplicação.
    .next = { tell-the-maker }
error-request-malformed =
    .title = { refused-app }
    .what = Não foi possível ler o pedido da aplicação.
    .next = { tell-the-maker }
error-request-too-large =
    .title = Este pedido é grande demais
    .what = O seu navegador ou a aplicação enviou mais do que é possível aceitar aqui.
    .next = Volte à aplicação e comece de novo. Se não ajudar, apague os cookies deste site no navegador e tente outra vez.
error-unauthenticated =
    .title = Este serviço não está bem configurado
    .what = Duas partes deste serviço não se reconhecem. A culpa não é sua, nem da aplicação.
    .next = Avise quem administra este serviço e indique o número do pedido abaixo.
error-permission-denied =
    .title = Este serviço não está bem configurado
    .what = Duas partes deste serviço não se reconhecem. A culpa não é sua, nem da aplicação.
    .next = Avise quem administra este serviço e indique o número do pedido abaixo.
error-record-unknown =
    .title = Não há nada aqui
    .what = O que foi pedido não está aqui, ou já não existe.
    .next = { tell-us }
error-page-token-invalid =
    .title = { refused-app }
    .what = Outro serviço pediu algo que já não existe.
    .next = { tell-the-maker }
error-revision-lost =
    .title = { refused-app }
    .what = Outro serviço pediu algo que já não existe.
    .next = { tell-the-maker }
error-cursor-lost =
    .title = { refused-app }
    .what = Outro serviço pediu algo que já não existe.
    .next = { tell-the-maker }
error-watch-too-slow =
    .title = { refused-app }
    .what = Outro serviço pediu algo que já não existe.
    .next = { tell-the-maker }
error-request-id-reused =
    .title = { refused-app }
    .what = Dois pedidos diferentes têm o mesmo número.
    .next = { tell-the-maker }
error-store-unavailable =
    .title = Tente de novo daqui a pouco
    .what = Este serviço não consegue responder agora.
    .next = Aguarde alguns segundos e recarregue esta página. Se não ajudar, comece de novo a partir da aplicação.
error-storage-short =
    .title = Neste momento, não há lugar para novas conexões
    .what = Este serviço está sem espaço para qualquer coisa nova. As conexões que você já tem continuam a funcionar.
    .next = Tente mais tarde. O problema ficou anotado para quem administra este serviço.
error-fault =
    .title = Ocorreu um problema
    .what = Houve um erro neste serviço, e ele ficou anotado.
    .next = { tell-us }
error-client-unknown =
    .title = Esta aplicação não é conhecida aqui
    .what = A aplicação não está inscrita neste serviço, ou a inscrição expirou.
    .next = Na aplicação, remova esta conexão e adicione-a de novo; a aplicação vai então apresentar-se outra vez.
error-client-disabled =
    .title = Esta aplicação foi bloqueada
    .what = Quem administra este serviço bloqueou a aplicação.
    .next = Se acha que é um engano, fale com quem administra este serviço e indique o número do pedido abaixo.
error-client-authentication-failed =
    .title = A aplicação não conseguiu provar quem é
    .what = A aplicação apresentou uma chave errada, ou nenhuma.
    .next = { tell-the-maker }
error-client-assertion-invalid =
    .title = A aplicação não conseguiu provar quem é
    .what = A aplicação apresentou uma chave errada, ou nenhuma.
    .next = { tell-the-maker }
error-client-assertion-replayed =
    .title = A aplicação não conseguiu provar quem é
    .what = A aplicação apresentou uma chave errada, ou nenhuma.
    .next = { tell-the-maker }
error-resource-server-unknown =
    .title = A aplicação não conseguiu provar quem é
    .what = A aplicação apresentou uma chave errada, ou nenhuma.
    .next = { tell-the-maker }
error-initial-access-token-invalid =
    .title = A aplicação não conseguiu provar quem é
    .what = A aplicação apresentou uma chave errada, ou nenhuma.
    .next = { tell-the-maker }
error-registration-access-token-invalid =
    .title = A aplicação não conseguiu provar quem é
    .what = A aplicação apresentou uma chave errada, ou nenhuma.
    .next = { tell-the-maker }
error-access-token-missing =
    .title = A aplicação não tem acesso aqui
    .what = A aplicação não trouxe nenhuma chave, ou trouxe uma que não serve aqui.
    .next = { tell-the-maker }
error-access-token-invalid =
    .title = A aplicação não tem acesso aqui
    .what = A aplicação não trouxe nenhuma chave, ou trouxe uma que não serve aqui.
    .next = { tell-the-maker }
error-scope-insufficient =
    .title = A aplicação não pode fazer isto
    .what = O que foi permitido à aplicação não inclui isto.
    .next = { tell-the-maker }
error-client-authentication-ambiguous =
    .title = { refused-app }
    .what = A aplicação disse quem é de duas formas ao mesmo tempo.
    .next = { tell-the-maker }
error-redirect-uri-unregistered =
    .title = Este pedido foi bloqueado
    .what = O acesso iria para um endereço que a aplicação nunca indicou a este serviço. Pode ser um engano, ou alguém que tenta chegar à sua conta.
    .next = Nada foi transmitido. Se chegou aqui por um link que recebeu de alguém, não volte a usar esse link. Se é você quem quer conectar uma aplicação, remova lá a conexão e adicione-a de novo.
error-metadata-url-invalid =
    .title = { refused-app }
    .what = A aplicação apresenta-se com um endereço que não é possível consultar.
    .next = { tell-the-maker }
error-metadata-host-forbidden =
    .title = Este serviço não aceita aplicações desse site
    .what = Quem administra este serviço só aceita aplicações de sites que escolheu.
    .next = Se acha que este serviço deveria aceitar esta aplicação, fale com quem administra este serviço e indique o número do pedido abaixo.
error-metadata-document-invalid =
    .title = O site da aplicação não a confirma
    .what = A aplicação diz que um site a descreve. O que lá está não corresponde à aplicação, ou não há lá nada.
    .next = { tell-the-maker }
error-metadata-document-unavailable =
    .title = O site da aplicação não responde
    .what = A aplicação diz que um site a descreve, e não é possível consultar esse site agora.
    .next = Aguarde um minuto e recarregue esta página. Se continuar assim, o site da aplicação pode estar fora do ar.
error-redirect-uri-forbidden =
    .title = Esta aplicação não pode ser conectada aqui
    .what = Quem administra este serviço não permite que o acesso vá para onde esta aplicação quer.
    .next = Se acha que é um engano, fale com quem administra este serviço e indique o número do pedido abaixo.
error-registrations-full =
    .title = Neste momento, não há lugar para novas aplicações
    .what = Já se apresentaram aqui tantas aplicações quantas este serviço pode guardar.
    .next = Tente mais tarde. Se continuar assim, fale com quem administra este serviço.
error-registration-closed =
    .title = As aplicações não podem apresentar-se aqui
    .what = Quem administra este serviço adiciona as aplicações manualmente.
    .next = Peça a essas pessoas que adicionem a aplicação que quer conectar.
error-token-exchange-unsupported =
    .title = { refused-app }
    .what = Um servidor pediu algo que não é oferecido aqui.
    .next = { tell-the-maker }
error-audience-unknown =
    .title = { refused-app }
    .what = Um servidor pediu acesso a uma conta que não é usada aqui.
    .next = { tell-the-maker }
error-subject-token-invalid =
    .title = { error-access-token-invalid.title }
    .what = { error-access-token-invalid.what }
    .next = { tell-the-maker }
error-upstream-tokens-withheld =
    .title = { refused-app }
    .what = Um servidor pediu acesso à sua conta no serviço de início de sessão, que não obtém aqui.
    .next = { tell-the-maker }
error-upstream-consent-missing =
    .title = Isto tem de ser permitido de novo
    .what = Ainda não lhe foi dito que o servidor age em seu nome no serviço de início de sessão.
    .next = Comece a conexão de novo a partir da aplicação.
error-account-no-longer-allowed =
    .title = Este serviço já não aceita esta conta
    .what = Quem administra este serviço já não aceita esta conta. A aplicação foi informada de que o seu acesso terminou.
    .next = Comece a conexão de novo a partir da aplicação se tiver outra conta que este serviço aceita. Se acha que este serviço deveria aceitar também esta conta, fale com quem o administra e indique o número do pedido abaixo.
error-upstream-login-needed =
    .title = É preciso iniciar sessão de novo
    .what = O serviço de início de sessão já não aceita esta conexão.
    .next = Comece a conexão de novo a partir da aplicação.
error-upstream-token-unavailable =
    .title = { error-upstream-unavailable.title }
    .what = Neste momento, não é possível chegar ao serviço em que você inicia sessão.
    .next = Aguarde um minuto e tente de novo.
error-token-type-unsupported =
    .title = { refused-app }
    .what = A aplicação quis devolver algo que não pode ser devolvido.
    .next = { tell-the-maker }
error-redirect-uri-missing =
    .title = { refused-app }
    .what = A aplicação não disse para onde deve ir o acesso.
    .next = { tell-the-maker }
error-response-type-unsupported =
    .title = { refused-app }
    .what = A aplicação pediu uma forma de iniciar sessão que não existe aqui.
    .next = { tell-the-maker }
error-response-mode-unsupported =
    .title = { refused-app }
    .what = A aplicação pediu uma forma de iniciar sessão que não existe aqui.
    .next = { tell-the-maker }
error-request-object-unsupported =
    .title = { refused-app }
    .what = A aplicação pediu uma forma de iniciar sessão que não existe aqui.
    .next = { tell-the-maker }
error-request-uri-unsupported =
    .title = { refused-app }
    .what = A aplicação pediu uma forma de iniciar sessão que não existe aqui.
    .next = { tell-the-maker }
error-pkce-required =
    .title = { refused-app }
    .what = A aplicação deixou de fora uma proteção (PKCE) que é obrigatória aqui.
    .next = { tell-the-maker }
error-pkce-method-unsupported =
    .title = { refused-app }
    .what = A aplicação deixou de fora uma proteção (PKCE) que é obrigatória aqui.
    .next = { tell-the-maker }
error-pkce-challenge-malformed =
    .title = { refused-app }
    .what = A aplicação deixou de fora uma proteção (PKCE) que é obrigatória aqui.
    .next = { tell-the-maker }
error-resource-unknown =
    .title = { refused-app }
    .what = A aplicação pediu acesso a algo que este serviço não protege.
    .next = { tell-the-maker }
error-resource-required =
    .title = { refused-app }
    .what = A aplicação não disse a que quer ter acesso.
    .next = { tell-the-maker }
error-scope-invalid =
    .title = { refused-app }
    .what = A aplicação pediu uma permissão que não existe aqui.
    .next = { tell-the-maker }
error-interaction-required =
    .title = Primeiro, é preciso perguntar a você
    .what = A aplicação tentou conectar-se sem mostrar nenhuma página. Isso não é possível aqui.
    .next = { start-again }
error-ticket-invalid =
    .title = Esta página não é válida
    .what = O link para esta página está incompleto.
    .next = { start-again }
error-ticket-expired =
    .title = Esta página expirou
    .what = Passou tempo demais desde que a aplicação trouxe você até aqui. Nada foi transmitido.
    .next = { start-again }
error-cross-site =
    .title = Este pedido foi bloqueado
    .what = Outro site tentou responder em seu lugar. Nada foi decidido e nada foi transmitido.
    .next = Feche o outro site. Se é você quem quer conectar uma aplicação, comece de novo a partir dela.
error-browser-cookie-missing =
    .title = O seu navegador não devolveu o cookie
    .what = A sua resposta só pode vir do navegador em que a pergunta apareceu, e é um cookie que comprova isso. Esse cookie não voltou. Nada foi decidido.
    .next = Permita cookies para este site e depois comece de novo a partir da aplicação. Se a aplicação abriu esta página em uma janela própria, use o seu navegador habitual.
error-browser-cookie-missing-over-http =
    .title = { error-browser-cookie-missing.title }
    .what = { error-browser-cookie-missing.what }
    .next = Este endereço começa com http, e alguns navegadores, entre eles o Safari, não guardam aí cookies protegidos. Use aqui o Chrome, o Edge ou o Firefox, ou um endereço que comece com https.
error-form-token-invalid =
    .title = Não foi possível aceitar a sua resposta
    .what = A resposta não pertence à página que apareceu neste navegador. Nada foi decidido.
    .next = Volte, recarregue a página e responda de novo. Se não ajudar, comece de novo a partir da aplicação.
error-decision-missing =
    .title = Falta a sua escolha
    .what = Não chegou nem Permitir nem Recusar, ou não ficou nada marcado para permitir. Nada foi decidido.
    .next = Volte e escolha um dos dois botões.
error-already-decided =
    .title = Você recusou
    .what = A sua resposta foi não, e a aplicação foi informada. Nada foi transmitido, nem será.
    .next = Se ainda assim quiser permitir, comece a conexão de novo a partir da aplicação.
error-login-begun =
    .title = É tarde demais para mudar a resposta
    .what = Você já tinha permitido, e o início de sessão para isso já começou. Vale o que marcou nesse momento.
    .next = Para impedir o acesso, volte e escolha Recusar. Para permitir outra coisa, comece a conexão de novo a partir da aplicação.
error-state-invalid =
    .title = Este link não é válido
    .what = Não pertence a um início de sessão começado aqui.
    .next = { start-again }
error-login-replaced =
    .title = Você já respondeu de novo
    .what = Este início de sessão pertence a uma resposta anterior, que já foi substituída por outra. Esta página não transmitiu nada.
    .next = Inicie sessão na página em que deu a última resposta, ou comece a conexão de novo a partir da aplicação.
error-state-cookie-missing =
    .title = Este início de sessão não pode continuar aqui
    .what = Começou em outro navegador, ou já terminou. Esta página não transmitiu nada.
    .next = Se recebeu este link de outra pessoa, feche a página. Se é você quem queria conectar uma aplicação, comece de novo a partir dela e use sempre o mesmo navegador.
error-browser-mismatch =
    .title = Este pedido foi bloqueado
    .what = O navegador que iniciou sessão não é o mesmo que deu a permissão. Nada foi transmitido.
    .next = Se recebeu de outra pessoa um link para iniciar sessão, feche a página. Se é você quem queria conectar uma aplicação, comece de novo a partir dela e use sempre o mesmo navegador.
error-login-expired =
    .title = O início de sessão demorou demais
    .what = O tempo para iniciar sessão acabou. Nada foi transmitido.
    .next = { start-again }
error-login-interrupted =
    .title = O início de sessão foi interrompido
    .what = Este início de sessão está quase concluído em outro lugar, ou parou pelo caminho.
    .next = Veja na aplicação: talvez já esteja conectada. Se não estiver, comece a conexão de novo a partir dela.
error-already-finished =
    .title = Este início de sessão já terminou
    .what = A página foi aberta mais uma vez depois de tudo estar concluído.
    .next = Pode fechar a página. Se a aplicação não estiver conectada, comece a conexão de novo a partir dela.
error-too-many-failed-logins =
    .title = Aguarde um momento
    .what = Houve muitas tentativas de iniciar sessão sem sucesso, suas ou de outras pessoas na sua rede. A sua tentativa de agora ainda não foi processada.
    .next = Aguarde um minuto e recarregue esta página.
error-upstream-unavailable =
    .title = O serviço de início de sessão não responde
    .what = Neste momento, não é possível chegar ao serviço em que você inicia sessão. Nada foi transmitido.
    .next = Aguarde um minuto e depois comece a conexão de novo a partir da aplicação.
error-upstream-invalid =
    .title = Não foi possível verificar o início de sessão
    .what = O serviço em que você inicia sessão deu uma resposta que não é de confiança. Nada foi transmitido.
    .next = { tell-us }
error-upstream-denied =
    .title = A sessão não foi iniciada
    .what = O início de sessão foi cancelado, ou o serviço em que você inicia sessão recusou. Nada foi transmitido.
    .next = { start-again }
error-signed-in-as-another =
    .title = Essa conta não é a sua
    .what = A sessão foi iniciada com a conta de outra pessoa. Nada foi transmitido, e a aplicação não recebe nada.
    .next = Encerre a sessão no serviço em que a iniciou. Depois comece a conexão de novo a partir da aplicação e inicie sessão com a sua própria conta.
error-account-not-allowed =
    .title = Este serviço não aceita esta conta
    .what = Quem administra este serviço só aceita certas contas, e esta não é uma delas. Nada foi transmitido, e a aplicação não recebe nada.
    .next = Tem outra conta que este serviço aceita? Use essa. Se acha que este serviço deveria aceitar também esta conta, fale com quem o administra e indique o número do pedido abaixo.
error-account-session-missing =
    .title = A sua sessão terminou
    .what = Esta página encerra a sessão quando passa algum tempo sem ser usada. Nada foi alterado.
    .next = Volte às suas aplicações conectadas, inicie sessão e tente de novo.
error-grant-type-unsupported =
    .title = { refused-app }
    .what = A aplicação pediu acesso de uma forma que não pode usar.
    .next = { tell-the-maker }
error-grant-type-unauthorized =
    .title = { refused-app }
    .what = A aplicação pediu acesso de uma forma que não pode usar.
    .next = { tell-the-maker }
error-code-invalid =
    .title = É preciso refazer a conexão
    .what = O código da aplicação não é válido.
    .next = { start-again }
error-code-replayed =
    .title = É preciso refazer a conexão
    .what = O código da aplicação foi usado duas vezes; por isso, o acesso que ele dava foi encerrado.
    .next = { start-again }
error-redirect-uri-mismatch =
    .title = { refused-app }
    .what = A aplicação indicou um endereço diferente daquele que foi permitido.
    .next = { tell-the-maker }
error-pkce-mismatch =
    .title = { refused-app }
    .what = A aplicação não conseguiu provar que foi ela que começou esta conexão.
    .next = { tell-the-maker }
error-refresh-token-invalid =
    .title = É preciso refazer a conexão
    .what = O acesso da aplicação não é válido.
    .next = { start-again }
error-refresh-token-replayed =
    .title = É preciso refazer a conexão
    .what = Uma chave antiga da aplicação foi usada de novo; por isso, o acesso foi encerrado.
    .next = { start-again }
error-grant-ended =
    .title = É preciso refazer a conexão
    .what = O acesso da aplicação terminou ou foi retirado.
    .next = { start-again }
error-registration-redirect-uri-invalid =
    .title = { refused-app }
    .what = A aplicação não pode receber o acesso no endereço que indicou.
    .next = { tell-the-maker }
error-registration-metadata-invalid =
    .title = { refused-app }
    .what = O que a aplicação diz sobre si mesma não é aceitável aqui.
    .next = { tell-the-maker }
