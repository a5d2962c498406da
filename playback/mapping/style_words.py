"""Words by which people name playlists, for each style, in seven languages.

English, German, French, Spanish, Portuguese, Italian and Polish, mixed as people mix them. A word stands for
itself, whatever its case and accents. `word*` stands for all that begins so, `*word` for all that ends so:
only where nothing else does (`disco*` would be Discover Weekly, `lauf*` would be Laufey). Two words may also
be written as one, or with a hyphen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from playback.mapping.styles import Style


def _words(text: str) -> tuple[str, ...]:
    return tuple(" ".join(word.split()) for word in text.split(","))


_CALM: Final = """
relax*, entspann*, détend*, détente, relaj*, rilass*, relaks*, odpręż*, tranqui*, sossegad*, sossego
"""

NAMES: Final[Mapping[Style, tuple[str, ...]]] = {
    Style.CHILL: _words(f"""
        chill*, *chill, lo fi, laid back, lounge, easy listening, downtempo, mellow, unwind, coffee*, café,
        abhängen, runterkommen, gemütlich*, feierabend*, kaffee*, hintergrundmusik, musique de fond, musique
        d'ambiance, música de fondo, sobremesa, de boa, música de fundo, sottofondo, na luzie, wyluzuj*, do
        kawy, {_CALM}
    """),
    Style.UPBEAT: _words("""
        happy*, happiness, feel good, feeling good, good mood, good vibe, good vibes, upbeat, cheerful*,
        joyful*, joyous, gute laune*, guter laune, fröhlich*, glücklich*, lebensfreude, freude, bonne humeur,
        bonnes ondes, bonheur, heureux, heureuse*, joyeux, joyeuse*, joie de vivre, feliz, felices,
        felicidad*, alegre*, alegría*, buen rollo, buen rollito, buena onda, buen humor, buenas vibras, buena
        vibra, alto astral, bom humor, boa vibe, boas vibes, animado, animada, felice, felici, felicità,
        allegria, allegre, buon umore, wesoł*, radosn*, radość, szczęśliw*, szczęście, dobry humor, dobry
        nastrój
    """),
    Style.UPLIFTING: _words("""
        uplift*, mood boost*, mood lift*, hope, hopeful, inspir*, positiv*, optimis*, motiva*, empower*,
        encourag*, cheer up, cheer me up, pick me up, lift me up, feel better, aufmunter*, aufbauend*,
        mutmach*, mut machen, zuversicht*, hoffnung*, motivier*, espoir, remonte le moral, remonter le moral,
        esperanza, subir el ánimo, subir ánimo, ánimo, superación, esperança, superação, levantar o astral,
        speranza, ottimis*, tirarsi su, pozytywn*, optymis*, motywac*, nadziej*, poprawa humoru, na poprawę
        humoru, poprawiacz*
    """),
    Style.CALMING: _words(f"""
        calm*, peace, peaceful*, soothing, serenity, quiet*, sleep*, lullab*, medita*, yoga*, zen, spa,
        mindful*, stress relief, anti stress, de stress, wellness, anxiety, healing, beruhig*, ruhig*, ruhe,
        schlaf*, einschlaf*, stressabbau, achtsamkeit, wiegenlied*, apais*, sérénité, sommeil, dormir,
        berceuse*, douceur, serenidad*, paz, sosiego, para dormir, serenità, sonno, dormire, ninna nanna,
        spokoj*, wycisz*, uspok*, kojąc*, ukojen*, medytac*, joga, do snu, do spania, kołysank*, {_CALM}
    """),
    Style.ENERGETIC: _words("""
        energ*, workout*, *workout, work out, gym, fitness*, running, runner*, jogging, cardio, crossfit,
        hiit, spinning, pump, pumped, pumping, pump up, beast mode, adrenalin*, training*, sport, sports,
        angry, aggressi*, wut, wütend, trainieren, sportmusik, joggen, laufen, laufmusik, laufplaylist,
        pumpen, kraftsport, krafttraining, énergi*, courir, course à pied, footing, muscu, musculation,
        entraînement*, entrenamiento*, entreno, entrenar, ejercicio*, correr, gimnasio, rabia, treino*,
        treinar, malhar, malhação, corrida, raiva, allenament*, allenarsi, palestra, corsa, correre, rabbia,
        grinta, trening*, siłown*, biegani*, do biegania, ćwicze*, złość
    """),
    Style.EXCITING: _words("""
        party, *party, parties, partys, partymusik, partyhits, partymix, partyplaylist, excit*, hype, hyped,
        banger, bangers, dancefloor, clubbing, clubhits, festival*, rave, raver, raves, carnival, celebrat*,
        euphor*, thrill, thrilling, feiern, abfeiern, vorglühen, karneval*, fasching*, ballermann, malle,
        après ski, aufregend*, fête, soirée*, festif, fiesta*, fiestón, pachanga, carnaval*, celebra*,
        emocionant*, festa, festão, festone, carnevale, discoteca, euforia, imprez*, domówka, domówki,
        melanż*, balanga, sylwester*, szal*
    """),
}
"""Words that say what a playlist is for."""

HINTS: Final[Mapping[Style, tuple[str, ...]]] = {
    Style.CHILL: _words("""
        acousti*, akusti*, acústic*, akustycz*, jazz*, bossa nova, ambient*, soft, smooth, sunday*, sonntag*,
        domingo*, rainy, reading, study*, lernen, lernmusik, focus*, fokus, konzentration*, concentra*,
        koncentrac*, étudier, estudi*, estudar, studiare, nauka, do nauki, dinner, cooking, kochen
    """),
    Style.UPBEAT: _words("""
        summer*, sommer*, été, verano, verão, estate, lato, wakacj*, holidays, vacation*, urlaub*, vacances,
        vacaciones, férias, vacanze, sunshine, sunny, smile, fun, funk, funky, groov*, disco, pop, soul, good
        morning, guten morgen, party, *party, dance, dancing, sing along, karaoke, road trip, roadtrip*,
        weekend*, wochenende*
    """),
    Style.UPLIFTING: _words("""
        gospel*, worship, lobpreis*, louange*, alabanza*, louvor*, sunshine, sunny, smile, believe, brave,
        courage*, good morning, guten morgen, confidence
    """),
    Style.CALMING: _words("""
        piano*, klavier*, fortepian*, pianoforte, ambient*, nature sounds, sounds of nature, naturgeräusche,
        white noise, rain, regen, pluie, lluvia, chuva, pioggia, deszcz*, ocean, classical, klassik*,
        classique, clásica, clássica, classica, klasyczn*, instrumental*, strumental*, slow, sanft*, ballad*,
        soft, acousti*, akusti*, good night, gute nacht, bonne nuit, buenas noches, boa noite, buona notte,
        dobranoc, bedtime
    """),
    Style.ENERGETIC: _words("""
        rock, rock n roll, run, power, powerful, rage, punk*, metal*, hardcore, hardstyle*, hard style,
        techno, drum and bass, drum n bass, drum bass, dnb, trance, rave, trap, hip hop, rap, drill, dubstep,
        phonk, edm, fast, schnell*, intens*
    """),
    Style.EXCITING: _words("""
        dance, dancing, tanz, tanzen, tanzmusik, danser, bailar, baile, dançar, ballare, taniec, tanecz*, edm,
        techno, house, club, electro*, elektro*, élektro*, elettro*, epic*, adventure*, abenteuer*, aventur*,
        avventur*, przygod*, birthday*, geburtstag*, anniversaire, cumpleaños, aniversário, compleanno,
        urodzin*, hochzeit*, wedding*, new year*, silvester*, nochevieja, capodanno, réveillon, friday night,
        saturday night, reggaeton*, salsa, samba, cumbia
    """),
}
"""Words that let one think of a style, mostly what the music is."""

NEAR: Final[Mapping[Style, Style]] = {
    Style.CHILL: Style.CALMING,
    Style.CALMING: Style.CHILL,
    Style.UPBEAT: Style.UPLIFTING,
    Style.UPLIFTING: Style.UPBEAT,
    Style.ENERGETIC: Style.EXCITING,
    Style.EXCITING: Style.ENERGETIC,
}
"""The style that stands in where nothing fits better."""

SEARCHES: Final[Mapping[Style, tuple[str, ...]]] = {
    Style.CHILL: ("chill", "lofi beats", "laid back"),
    Style.UPBEAT: ("happy", "feel good", "good vibes"),
    Style.UPLIFTING: ("uplifting", "mood booster", "hopeful"),
    Style.CALMING: ("calm", "relaxing", "peaceful piano"),
    Style.ENERGETIC: ("workout", "energy", "power"),
    Style.EXCITING: ("party", "dance", "hype"),
}
"""What to search for where no playlist of the user's fits, the best first."""
